"""Problems on which a cause shows: of distinct and of equal sizes, where no two formulas agree by chance."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from oracle.strategies.networks import NetworkProblem

__all__ = ["probes", "simple"]

#: How many simple problems there are: of all sizes to 3 the smaller ones.
MOST_SIMPLE = 60

_REGS = (0.3, 0.7, 2.5, 1.6)
#: What is special about each probe; most are plain, with sizes all distinct.
_KINDS = (
    *("plain",) * 16,
    *("N = 1",) * 5,
    *("H = 1",) * 3,
    *("all equal",) * 3,
    *("D = H",) * 3,
    *("H = C",) * 3,
    *("N = H",) * 2,
    *("zeros",) * 5,
    *("sure",) * 5,
    *("integers",) * 3,
    *("balanced",) * 3,
    *("N = 11",) * 2,
)


def probes(problem: NetworkProblem, *, seed: int) -> Iterator[NetworkProblem]:
    """Yield float64 problems for the same network: ordinary numbers, a positive reg, and one special thing each."""
    rng = np.random.default_rng(seed)
    depth = len(problem.params) // 2
    for n, kind in enumerate(_KINDS):
        sizes = rng.permutation(np.arange(2, 9))[: depth + 2] if depth < 6 else rng.integers(2, 9, depth + 2)
        N, *widths = map(int, sizes)  # N, D, H1, …, C
        if kind == "N = 1":
            N = 1
        elif kind == "N = 11":
            N = 11
        elif kind == "H = 1":
            widths[1:-1] = [1] * (depth - 1)
        elif kind == "all equal":
            N, widths = widths[0], [widths[0]] * (depth + 1)
        elif kind == "D = H":
            widths[1:-1] = [widths[0]] * (depth - 1)
        elif kind == "H = C":
            widths[1:-1] = [widths[-1]] * (depth - 1)
        elif kind == "N = H":
            widths[1:-1] = [N] * (depth - 1)
        params = {}
        for i, (a, b) in enumerate(zip(widths[:-1], widths[1:]), start=1):
            params[f"W{i}"] = rng.standard_normal((a, b)) / np.sqrt(a) * 1.5
            params[f"b{i}"] = 0.5 * rng.standard_normal(b)
        X = rng.standard_normal((N, widths[0]))
        y = rng.integers(0, widths[-1], N)
        if kind == "zeros":
            params["W1"][:, 0] = params["b1"][0] = 0
        elif kind == "sure":
            params[f"b{depth}"][y[0]] += 8
        elif kind == "integers":
            X = rng.integers(-2, 3, X.shape).astype(float)
        elif kind == "balanced":
            y = rng.permutation(np.resize(np.arange(widths[-1]), N))
        reg = _REGS[n % len(_REGS)]
        yield replace(problem, params=params, X=X, y=y, reg=reg, features=frozenset([kind]), input_grad=False)


def simple(problem: NetworkProblem) -> Iterator[NetworkProblem]:
    """Yield problems for the same network, to be read: small integers in small arrays, the smallest first.

    Each comes in float64 without a penalty, and then as the problem has it.
    """
    rng = np.random.default_rng(0)
    depth = len(problem.params) // 2
    sizes = sorted(itertools.product((1, 2, 3), repeat=depth + 2), key=sum)
    for N, *widths in sizes[:MOST_SIMPLE]:
        shapes: dict[str, tuple[int, ...]] = {}
        for i in range(1, depth + 1):
            shapes |= {f"W{i}": (widths[i - 1], widths[i]), f"b{i}": (widths[i],)}
        entries = {name: rng.integers(-2, 3, shape) for name, shape in shapes.items()}
        X, y = rng.integers(-2, 3, (N, widths[0])), rng.integers(0, widths[-1], N)
        for dtype, X_dtype, reg in ((float, float, 0.0), (problem.dtype, problem.X.dtype, 2.0 if problem.reg else 0.0)):
            params = {name: a.astype(dtype) for name, a in entries.items()}
            yield replace(problem, params=params, X=X.astype(X_dtype), y=y, reg=reg)


def leading_label(problem: NetworkProblem, *, by: float) -> tuple[NetworkProblem, str]:
    """Return a problem of one example whose label's score leads by so much, and the name of the scores' bias."""
    sample = next(probes(problem, seed=0))
    last = list(sample.params)[-1]
    params = {name: 0.01 * a for name, a in sample.params.items()}
    params[last] = by * np.eye(len(params[last]))[sample.y[0]]
    return replace(sample, params=params, X=sample.X[:1], y=sample.y[:1], reg=0.0), last


def without_penalty(problem: NetworkProblem) -> NetworkProblem:
    """Return the problem with reg = 0."""
    return replace(problem, reg=0.0)
