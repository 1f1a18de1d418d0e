"""Throughput: problems of random shapes checked per second, next to ``jax.jit`` compiling each new shape."""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import jax
import numpy as np

from oracle import reference
from oracle.campaigns.processes import processes
from oracle.checks.search import search
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.runner import collect

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
    search("two_layer", problems=problems, seed=seed, dtype=np.float64, found=lambda *_: None, compiled=True)
    return problems / (time.perf_counter() - started)


def _compile(shapes: int, seed: int) -> float:
    """Take the gradients of problems as they are, each of another shape."""
    met: dict[tuple[int, ...], NetworkProblem] = {}
    for problem in collect(network_problems("two_layer", np.float64), examples=4 * shapes, seed=seed + 1000):
        met[(*problem.X.shape, *problem.params["W2"].shape)] = problem
    f = jax.jit(jax.value_and_grad(reference.NETWORKS["two_layer"].loss))
    new = [replace(p, X=p.X.astype(float), y=p.y.astype(int)) for p in list(met.values())[:shapes]]
    started = time.perf_counter()
    for p in new:
        jax.block_until_ready(f(p.params, p.X, p.y, p.reg))  # type: ignore[no-untyped-call]
    return len(new) / (time.perf_counter() - started)
