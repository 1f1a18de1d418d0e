"""Who checks the shares of a campaign on other machines: the workers of a Dask cluster."""

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from distributed import Client, get_worker

from oracle.campaigns.campaign import Campaign, Share, check
from oracle.campaigns.database import Findings
from oracle.campaigns.table import Row

__all__ = ["run"]

_TELL_EVERY, _TIMEOUT = 0.2, 10  # seconds

_one_at_a_time = threading.Lock()


def run(campaign: Campaign, address: str, *, show: Callable[[], None]) -> None:
    """Check all that is left of a campaign on a cluster, and call ``show`` every now and then.

    The workers tell how far they are five times a second. The share of one that is no more goes on elsewhere, from what
    it told last; a worker that joins is given its part.

    Raises
    ------
    OSError
        If the scheduler does not answer.
    RuntimeError
        If checking itself fails on a worker.
    """
    told: deque[tuple[float, Any]] = deque()
    under_way: dict[str, tuple[Any, Share]] = {}  # by the worker's address
    at: dict[str, str] = {}
    try:
        with Client(address, timeout=_TIMEOUT) as client:
            topic = f"handgrad {client.id}"
            client.subscribe_topic(topic, told.append)
            while True:
                while told:
                    worker, number, record = told.popleft()[1]
                    share = under_way[worker][1] if worker in under_way else None
                    if share and (share.name, share.number) == (record["name"], number):
                        campaign.told(share, Row.from_json(record))
                present = client.nthreads()
                for worker, (future, share) in list(under_way.items()):
                    if future.status == "finished":
                        campaign.told(share, future.result(), finished=True)
                    elif future.status == "error":
                        raise RuntimeError(f"{share.name} could not be checked: {future.exception()}")
                    elif worker not in present or future.status != "pending":
                        campaign.lost(share)
                    else:
                        continue
                    del under_way[worker]
                for worker in present:
                    if worker not in under_way:
                        share = campaign.next(at.get(worker), [at[other] for other in at if other != worker])
                        if share is None:
                            break
                        at[worker] = share.name
                        future = client.submit(
                            _check, share, campaign.findings.place, topic, workers=[worker], pure=False
                        )
                        under_way[worker] = future, share
                if not under_way and not campaign.left:
                    return
                campaign.tick(show)
                time.sleep(0.05)
    finally:
        campaign.save()


def _check(share: Share, place: str, topic: str) -> Row:
    """Check a share in a worker."""
    worker = get_worker()
    last = time.perf_counter()

    def tell(row: Row) -> None:
        nonlocal last
        if time.perf_counter() - last >= _TELL_EVERY:
            last = time.perf_counter()
            worker.log_event(topic, (worker.address, share.number, asdict(row)))

    # that Dask's other threads draw, Hypothesis lays to the strategy
    warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
    with _one_at_a_time:  # a worker of several threads would have its own fight over the cores
        return check(share, Findings(place), tell)
