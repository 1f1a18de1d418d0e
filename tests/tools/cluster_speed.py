"""Measure the gain from a second Dask worker, for ``docs/guides/cluster.md``.

Usage: python -m tests.tools.cluster_speed [--rounds 7] [--rows 60000]

One process, a cluster of one worker and a cluster of two, with one thread per worker, take turns. Each round times all
three, so that other load on the machine slows all of them alike. The table gives medians and quartiles over the rounds.
"""

import argparse
import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in the workers

import dask.array as da
import numpy as np

from handgrad import init_params, sgd, two_layer
from handgrad.training import distributed, fit
from handgrad.training.distributed import connect

BATCHES = (256, 4_096)
STEPS = 5


def main():
    """Time the page's steps, and a step that computes almost nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.cluster_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--rows", type=int, default=60_000, help="default: 60000")
    args = parser.parse_args()
    N, D, H, C = args.rows, 784, 256, 10
    rng = np.random.default_rng(0)
    params, small = init_params([D, H, C], rng=rng), init_params([4, 3, 2], rng=rng)

    with connect(workers=1) as one, connect(workers=2) as two:
        here, data = None, {}
        for at in (one, two):
            drawn = da.random.default_rng(0)
            X = drawn.standard_normal((N, D), chunks=(N // 2, D))  # on the workers, so nothing is sent
            y = drawn.integers(0, C, N, chunks=N // 2)
            data[at] = at.persist([X, y])
        data[here] = [a.compute(scheduler=one) for a in data[one]]

        def gradient(at):
            X, y = data[at]
            if at is here:
                return two_layer.loss_and_grad(params, X, y)
            return distributed.loss_and_grad(two_layer, params, X, y, scheduler=at)

        def descent(batch_size):
            """Return a function that takes STEPS steps and returns the mean time of one."""

            def steps(at):
                ends = []
                learning_rate = lambda step: ends.append(time.perf_counter()) or 0.1  # noqa: E731
                given = {"optimizer": sgd(learning_rate), "batch_size": batch_size, "iterations": STEPS + 1}
                run = fit.fit if at is here else distributed.fit
                where = {} if at is here else {"scheduler": at}
                run(two_layer, params, *data[at], rng=np.random.default_rng(0), **given, **where)
                return (ends[-1] - ends[0]) / STEPS

            return steps

        def empty(chunks):
            zeros = {
                at: at.persist([da.zeros((chunks, 4), chunks=(1, 4)), da.zeros(chunks, dtype=int, chunks=1)])
                for at in (one, two)
            }
            return lambda at: (
                distributed.loss_and_grad(two_layer, small, *zeros[at], scheduler=at) if at is not here else None
            )

        print(f"{N:,} rows, D = {D}, H = {H}, C = {C}, float64; {args.rounds} rounds; ms, median and quartiles")
        print(f"{'':32}{'one process':>26}{'1 worker':>26}{'2 workers':>26}{'efficiency of 2':>20}")
        for name, step in [
            ("gradient over all rows", gradient),
            *((f"step on a batch of {size:,}", descent(size)) for size in BATCHES),
            ("gradient over 2 rows, 2 chunks", empty(2)),
            ("gradient over 64 rows, 64 chunks", empty(64)),
        ]:
            times = np.array([[timed(step, at) for at in (here, one, two)] for _ in range(args.rounds + 1)][1:])
            columns = [in_milliseconds(column) for column in times.T]
            low, median, high = np.quantile(times[:, 1] / (2 * times[:, 2]), [0.25, 0.5, 0.75])
            print(
                f"{name:32}{''.join(f'{c:>26}' for c in columns)}{f'{median:.2f} ({low:.2f}-{high:.2f})':>20}",
                flush=True,
            )


def timed(step, at):
    """Return the seconds that a step took, or the time that it returned itself."""
    start = time.perf_counter()
    found = step(at)
    return found if isinstance(found, float) else time.perf_counter() - start


def in_milliseconds(times):
    """Return the median and the quartiles, formatted."""
    low, median, high = 1e3 * np.quantile(times, [0.25, 0.5, 0.75])
    return f"{median:,.1f} ({low:,.1f}-{high:,.1f})" if high > 0.01 else "-"


if __name__ == "__main__":
    main()
