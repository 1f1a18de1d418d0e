"""Runs the shards of a campaign on this machine: in this process, or in several others."""

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

from oracle.campaigns.campaign import Campaign, Shard, check
from oracle.campaigns.database import FailureDatabase
from oracle.campaigns.table import Result

__all__ = ["processes", "run"]

#: The campaign ends once so many processes in a row have died at one problem.
MAX_RESTARTS = 10

#: A process that has taken so many bytes is replaced: JAX keeps all that it has traced and compiled.
MAX_BYTES = 3 << 29


def run(campaign: Campaign, *, workers: int, show: Callable[[], None]) -> None:
    """Check all shards that are left of a campaign, and call ``show`` periodically.

    Each process reports every problem it has checked. One that is killed is replaced, and its shard continues at the
    next problem. When this process ends, however it ends, the others end at their next problem.

    Raises
    ------
    ChildProcessError
        If one process after another dies at the same problem.
    RuntimeError
        If checking itself fails; the message has the traceback.
    """
    try:
        if workers == 1:
            _run_inline(campaign, show)
        else:
            _run_pool(campaign, min(workers, campaign.left), show)
    finally:
        campaign.save()


def processes() -> SpawnContext:
    """Return the context for processes of one thread each, which do not compete for the cores."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    return multiprocessing.get_context("spawn")  # JAX's threads do not survive a fork


def _run_inline(campaign: Campaign, show: Callable[[], None]) -> None:
    at = None
    while shard := campaign.next(at):

        def report(row: Result, shard: Shard = shard) -> None:
            campaign.record(shard, row)
            campaign.poll(show)

        campaign.record(shard, check(shard, campaign.failures, report), finished=True)
        at = shard.name


class _Worker:
    """A process, the connection to it, and its shard."""

    def __init__(self, context: SpawnContext, url: str) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_worker_loop, args=(theirs, url), daemon=True)
        with _ignore_sigint():
            self.process.start()
        theirs.close()  # so that reading from a dead worker fails
        self.shard: Shard | None = None
        self.at: str | None = None

    def start(self, shard: Shard) -> None:
        self.shard, self.at = shard, shard.name
        with contextlib.suppress(OSError):  # it was killed: noticed when it should answer
            self.connection.send(shard)


def _run_pool(campaign: Campaign, workers: int, show: Callable[[], None]) -> None:
    context, ended = processes(), Counter[tuple[str, int, int]]()
    team: list[_Worker] = []
    try:
        team += [_Worker(context, campaign.failures.url) for _ in range(workers)]
        while True:
            for worker in team:
                if worker.shard is None:
                    shard = campaign.next(worker.at, [other.at for other in team if other is not worker])
                    if shard:
                        worker.start(shard)
            answering = {worker.connection: worker for worker in team if worker.shard}
            if not answering:
                return
            for connection in wait(answering, timeout=0.2):
                worker = answering[connection]  # type: ignore[index]
                shard = worker.shard
                assert shard is not None
                try:
                    row, finished = worker.connection.recv()
                except (EOFError, OSError):  # it was killed, or has taken too much memory
                    campaign.requeue(shard)
                    ended[shard.name, shard.number, shard.known.problems] += 1
                    if max(ended.values()) >= MAX_RESTARTS:
                        raise ChildProcessError(f"{shard.name}: {MAX_RESTARTS} processes died at one problem") from None
                    worker.connection.close()
                    worker.process.join()
                    team[team.index(worker)] = _Worker(context, campaign.failures.url)
                    continue
                if isinstance(row, str):
                    raise RuntimeError(f"{shard.name} could not be checked:\n{row}")
                campaign.record(shard, row, finished=finished)
                if finished:
                    worker.shard = None
            campaign.poll(show)
    finally:
        for worker in team:
            worker.process.kill()
        for worker in team:
            worker.process.join()


def _worker_loop(connection: Connection, url: str) -> None:
    """Process shards until the parent exits or the memory limit is reached."""
    failures = FailureDatabase(url)

    def send(what: tuple[Result | str, bool]) -> None:
        try:
            connection.send(what)
        except OSError:
            os._exit(1)  # an exception would count as a failure of the rule

    while _memory() < MAX_BYTES:
        try:
            shard = connection.recv()
        except (EOFError, OSError):
            return
        try:
            row = check(shard, failures, lambda row: send((row, False)))
        except Exception:
            send((traceback.format_exc(), True))
        else:
            send((row, True))


def _memory() -> int:
    """Return the peak memory of this process in bytes, or 0 where the system does not report it."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextlib.contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Start child processes that ignore SIGINT; the parent handles it and terminates them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
