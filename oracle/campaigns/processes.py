"""Who checks the shares of a campaign on this machine: this process, or several others."""

import contextlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext

from oracle.campaigns.campaign import Campaign, Share, check
from oracle.campaigns.database import Findings
from oracle.campaigns.table import Row

__all__ = ["processes", "run"]

#: How many processes in a row may end at one problem before the campaign does.
_TRIES = 10

#: How many bytes a process may take before another begins in its place: what JAX has traced and compiled stays in it.
_MOST = 3 << 29


def run(campaign: Campaign, *, workers: int, show: Callable[[], None]) -> None:
    """Check all that is left of a campaign, and call ``show`` every now and then.

    Each process tells of each problem when it is checked. One that is killed is replaced, and its share goes on at the
    problem where it was. When this process ends, in whatever way, so do the others, at their next problem.

    Raises
    ------
    ChildProcessError
        If one process after another ends at the same problem.
    RuntimeError
        If checking itself fails; the message has the traceback.
    """
    try:
        if workers == 1:
            _alone(campaign, show)
        else:
            _together(campaign, min(workers, campaign.left), show)
    finally:
        campaign.save()


def processes() -> SpawnContext:
    """Return the way to begin processes of one thread each: threads of their own would fight over the cores."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    return multiprocessing.get_context("spawn")  # JAX's threads do not survive a fork


def _alone(campaign: Campaign, show: Callable[[], None]) -> None:
    at = None
    while share := campaign.next(at):

        def tell(row: Row, share: Share = share) -> None:
            campaign.told(share, row)
            campaign.tick(show)

        campaign.told(share, check(share, campaign.findings, tell), finished=True)
        at = share.name


class _Worker:
    """A process, the connection to it, and what it is at."""

    def __init__(self, context: SpawnContext, place: str) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, place), daemon=True)
        with _undisturbed():
            self.process.start()
        theirs.close()  # so that reading from a worker that is no more fails
        self.share: Share | None = None
        self.at: str | None = None

    def begin(self, share: Share) -> None:
        self.share, self.at = share, share.name
        with contextlib.suppress(OSError):  # it was killed: that is noticed when it should answer
            self.connection.send(share)


def _together(campaign: Campaign, workers: int, show: Callable[[], None]) -> None:
    context, ended = processes(), Counter[tuple[str, int, int]]()
    team: list[_Worker] = []
    try:
        team += [_Worker(context, campaign.findings.place) for _ in range(workers)]
        while True:
            for worker in team:
                if worker.share is None:
                    share = campaign.next(worker.at, [other.at for other in team if other is not worker])
                    if share:
                        worker.begin(share)
            answering = {worker.connection: worker for worker in team if worker.share}
            if not answering:
                return
            for connection in wait(answering, timeout=0.2):
                worker = answering[connection]  # type: ignore[index]
                share = worker.share
                assert share is not None
                try:
                    row, finished = worker.connection.recv()
                except (EOFError, OSError):  # it was killed, or has had enough
                    campaign.lost(share)
                    ended[share.name, share.number, share.known.problems] += 1
                    if max(ended.values()) >= _TRIES:
                        raise ChildProcessError(f"{share.name}: {_TRIES} processes ended at one problem") from None
                    worker.connection.close()
                    worker.process.join()
                    team[team.index(worker)] = _Worker(context, campaign.findings.place)
                    continue
                if isinstance(row, str):
                    raise RuntimeError(f"{share.name} could not be checked:\n{row}")
                campaign.told(share, row, finished=finished)
                if finished:
                    worker.share = None
            campaign.tick(show)
    finally:
        for worker in team:
            worker.process.kill()
        for worker in team:
            worker.process.join()


def _work(connection: Connection, place: str) -> None:
    """Do one share after another, until who began this process is no more, or much memory is taken."""
    findings = Findings(place)

    def send(what: tuple[Row | str, bool]) -> None:
        try:
            connection.send(what)
        except OSError:
            os._exit(1)  # an exception would be taken for a rule's that fails

    while _memory() < _MOST:
        try:
            share = connection.recv()
        except (EOFError, OSError):
            return
        try:
            row = check(share, findings, lambda row: send((row, False)))
        except Exception:
            send((traceback.format_exc(), True))
        else:
            send((row, True))


def _memory() -> int:
    """Return the most bytes that this process has taken so far, or 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Have processes that are begun here hear nothing of Ctrl-C: who began them does, and ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
