"""How many problems of random shape are checked in a second, beside what ``jax.jit`` alone would take for them."""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from oracle import reference
from oracle.campaigns.processes import processes
from oracle.checks.verification import search

__all__ = ["measure"]


def measure(problems: int, shapes: int, *, workers: int) -> tuple[float, float]:
    """Return problems a second: drawn and checked by the oracle, and with ``jax.jit`` compiling each new shape.

    All processes are started first, and warm; then each of the two is measured in all of them at once.
    """
    with ProcessPoolExecutor(workers, processes()) as pool:
        list(pool.map(_check, [20] * workers, range(workers)))  # imports and compiles
        checked = sum(pool.map(_check, [problems] * workers, range(workers)))
        compiled = sum(pool.map(_compile, [shapes] * workers, range(workers)))
    return checked, compiled


def _check(problems: int, seed: int) -> float:
    started = time.perf_counter()
    search("two_layer", problems=problems, seed=seed, dtype=np.float64, found=lambda problem, examination: None)
    return problems / (time.perf_counter() - started)


def _compile(shapes: int, seed: int) -> float:
    """Take the gradients of problems as they are, each of another shape."""
    met: dict[tuple[int, ...], Any] = {}
    search(
        "two_layer",
        problems=4 * shapes,
        seed=seed + 1000,
        dtype=np.float64,
        found=lambda p, _: met.update({(*p.X.shape, *p.params["W2"].shape): p}),  # type: ignore[union-attr]
    )
    f = jax.jit(jax.value_and_grad(reference.NETWORKS["two_layer"].loss))
    new = [replace(p, X=p.X.astype(float), y=p.y.astype(int)) for p in list(met.values())[:shapes]]
    started = time.perf_counter()
    for p in new:
        jax.block_until_ready(f(p.params, p.X, p.y, p.reg))  # type: ignore[no-untyped-call]
    return len(new) / (time.perf_counter() - started)
