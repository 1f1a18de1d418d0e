"""Checks many problems of many rules and networks, in several processes at once."""

import contextlib
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

from oracle.table import Row
from oracle.verification import Examination, Problem, examine, search, training_run

__all__ = ["TRAINING", "Share", "processes", "run"]

#: The row of the gradients that a training run really meets.
TRAINING = "two_layer on digits"

Update = Callable[[int, Row], None]


@dataclass(frozen=True)
class Share:
    """What one process checks in one go."""

    name: str
    problems: int
    seed: int
    dtype: Any = None


class _Stopped(Exception):
    """Another process has been interrupted."""


def run(shares: Sequence[Share], *, workers: int, update: Update) -> None:
    """Check all shares, and call ``update`` with a share's number and its row every now and then and in the end."""
    if workers == 1:
        for i, share in enumerate(shares):
            _check(share, lambda row: update(i, row))  # noqa: B023
        return
    context = processes()
    updates, stop = context.Queue(), context.Event()
    with ProcessPoolExecutor(workers, context, _start, (updates, stop)) as pool:
        futures = [pool.submit(_work, i, share) for i, share in enumerate(shares)]
        try:
            while not all(future.done() for future in futures) or not updates.empty():
                with contextlib.suppress(queue.Empty):
                    update(*updates.get(timeout=0.1))
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        for i, future in enumerate(futures):
            update(i, future.result())


def processes() -> SpawnContext:
    """Return the way to begin processes of one thread each: threads of their own would fight over the cores."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    return multiprocessing.get_context("spawn")  # JAX's threads do not survive a fork


def _check(share: Share, tell: Callable[[Row], None]) -> Row:
    """Check one share and tell how far it is, five times a second."""
    row, started = Row(share.name), time.perf_counter()
    told = started

    def found(problem: Problem, examination: Examination) -> None:
        nonlocal told
        row.add(problem, examination)
        row.seconds = time.perf_counter() - started
        if time.perf_counter() - told > 0.2:
            told = time.perf_counter()
            tell(row)

    try:
        if share.name == TRAINING:
            for problem in training_run(steps=share.problems, seed=share.seed, dtype=share.dtype or np.float64):
                found(problem, examine(problem))
        else:
            search(share.name, problems=share.problems, seed=share.seed, dtype=share.dtype, found=found)
    finally:
        tell(row)
    return row


def _start(updates: Any, stop: Any) -> None:
    """Prepare a worker: the process that began it hears of Ctrl-C, and tells it."""
    global _updates, _stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _updates, _stop = updates, stop


def _work(i: int, share: Share) -> Row:
    def tell(row: Row) -> None:
        _updates.put((i, row))
        if _stop.is_set():
            raise _Stopped

    return _check(share, tell)


_updates: Any
_stop: Any
