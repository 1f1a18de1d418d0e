"""Runs the shards of a campaign on the workers of a Dask cluster."""

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from distributed import Client, get_worker

from oracle.campaigns.campaign import Campaign, Shard, check
from oracle.campaigns.database import FailureDatabase
from oracle.campaigns.table import Result

__all__ = ["run"]

_REPORT_EVERY, _TIMEOUT = 0.2, 10  # seconds

_one_shard_at_a_time = threading.Lock()


def run(campaign: Campaign, address: str, *, show: Callable[[], None]) -> None:
    """Check all shards that are left of a campaign on a cluster, and call ``show`` periodically.

    The workers report five times a second. A lost worker's shard resumes elsewhere from its last report; new workers
    are given shards.

    Raises
    ------
    OSError
        If the scheduler does not answer.
    RuntimeError
        If checking itself fails on a worker.
    """
    reports: deque[tuple[float, Any]] = deque()
    running: dict[str, tuple[Any, Shard]] = {}  # by the worker's address
    at: dict[str, str] = {}
    try:
        with Client(address, timeout=_TIMEOUT) as client:
            topic = f"handgrad {client.id}"
            client.subscribe_topic(topic, reports.append)
            while True:
                while reports:
                    worker, number, record = reports.popleft()[1]
                    shard = running[worker][1] if worker in running else None
                    if shard and (shard.name, shard.number) == (record["name"], number):
                        campaign.record(shard, Result.from_json(record))
                present = client.nthreads()
                for worker, (future, shard) in list(running.items()):
                    if future.status == "finished":
                        campaign.record(shard, future.result(), finished=True)
                    elif future.status == "error":
                        raise RuntimeError(f"{shard.name} could not be checked: {future.exception()}")
                    elif worker not in present or future.status != "pending":
                        campaign.requeue(shard)
                    else:
                        continue
                    del running[worker]
                for worker in present:
                    if worker not in running:
                        shard = campaign.next(at.get(worker), [at[other] for other in at if other != worker])
                        if shard is None:
                            break
                        at[worker] = shard.name
                        future = client.submit(
                            _check, shard, campaign.failures.url, topic, workers=[worker], pure=False
                        )
                        running[worker] = future, shard
                if not running and not campaign.left:
                    return
                campaign.poll(show)
                time.sleep(0.05)
    finally:
        campaign.save()


def _check(shard: Shard, url: str, topic: str) -> Result:
    """Check a shard in a worker."""
    worker = get_worker()
    last = time.perf_counter()

    def report(row: Result) -> None:
        nonlocal last
        if time.perf_counter() - last >= _REPORT_EVERY:
            last = time.perf_counter()
            worker.log_event(topic, (worker.address, shard.number, asdict(row)))

    # Hypothesis blames the strategy for random numbers drawn by Dask's own threads
    warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
    with _one_shard_at_a_time:  # the threads of a worker would compete for its cores
        return check(shard, FailureDatabase(url), report)
