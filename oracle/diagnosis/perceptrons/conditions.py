"""What the problems that fail have in common, and those that pass do not."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from oracle.diagnosis.perceptrons.mistakes import Forward
from oracle.strategies.networks import NetworkProblem

__all__ = ["triggers"]

_Test = Callable[[NetworkProblem, Forward], Any]


def _sizes(problem: NetworkProblem) -> dict[str, int]:
    widths = {f"H{i}": problem.params[f"b{i}"].shape[0] for i in range(1, len(problem.params) // 2)}
    if len(widths) == 1:
        widths = {"H": widths["H1"]}
    C = problem.params[f"b{len(problem.params) // 2}"].shape[0]
    return {"N": len(problem.X), "D": problem.X.shape[1], **widths, "C": C}


def _spread(q: Forward) -> float:
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(q.s)))


def _row_gap(q: Forward) -> float:
    """Return how far the largest score of a row lies below the largest of all."""
    top = np.max(q.s, axis=1)
    return float(np.max(top) - np.min(top))


#: What a problem may have, the most telling first.
_TESTS: dict[str, _Test] = {
    "reg > 0": lambda p, q: p.reg > 0,
    "reg > 1": lambda p, q: p.reg > 1,
    "reg = 0": lambda p, q: p.reg == 0,
    "reg is neither 0 nor 1": lambda p, q: p.reg not in (0, 1),
    "reg > 0 and a bias is not 0": lambda p, q: (
        p.reg > 0 and any(np.any(a) for k, a in p.params.items() if k[0] == "b")
    ),
    "N > 1": lambda p, q: q.N > 1,
    "N is odd": lambda p, q: q.N % 2,
    "N is even": lambda p, q: q.N % 2 == 0,
    "N is not a multiple of 4": lambda p, q: q.N % 4,
    "N is more than 4 and not a multiple of 4": lambda p, q: q.N % 4 and q.N > 4,
    "X is an integer array": lambda p, q: p.X.dtype.kind in "iu",
    "the parameters are float32": lambda p, q: p.dtype == np.float32,
    "the parameters are float64": lambda p, q: p.dtype == np.float64,
    "the labels are not int64": lambda p, q: p.y.dtype != np.int64,
    "the labels are unsigned": lambda p, q: p.y.dtype.kind == "u",
    "the labels are 8-bit integers": lambda p, q: p.y.dtype.itemsize == 1,
    "an array is not C-contiguous": lambda p, q: not all(a.flags.c_contiguous for a in _arrays(p)),
    "an array is read-only": lambda p, q: not all(a.flags.writeable for a in _arrays(p)),
    "a pre-activation is exactly 0": lambda p, q: any(np.any(q.z[i] == 0) for i in range(1, q.depth)),
    "a hidden unit is dead": lambda p, q: any(np.any(np.all(q.z[i] <= 0, axis=0)) for i in range(1, q.depth)),
    "a pre-activation is not positive": lambda p, q: any(np.any(q.z[i] <= 0) for i in range(1, q.depth)),
    "two scores tie for the largest": lambda p, q: np.any(np.sum(q.s == q.s.max(1, keepdims=True), axis=1) > 1),
    "a label occurs twice": lambda p, q: len(np.unique(q.y)) < q.N,
    "a class is absent": lambda p, q: len(np.unique(q.y)) < q.C,
    "all labels are the same": lambda p, q: len(np.unique(q.y)) == 1,
    "the labels differ": lambda p, q: len(np.unique(q.y)) > 1,
    "label 0 occurs": lambda p, q: np.any(q.y == 0),
    "label C − 1 occurs": lambda p, q: np.any(q.y == q.C - 1),
    "an example is sure of its class (p_y > 0.99)": lambda p, q: np.any(q.p[q.rows, q.y] > 0.99),
    "an example is classified wrong": lambda p, q: np.any(np.argmax(q.s, 1) != q.y),
    "a score is beyond ±30": lambda p, q: _spread(q) > 30,
    "a score is beyond ±50": lambda p, q: _spread(q) > 50,
    "a score is beyond ±88": lambda p, q: _spread(q) > 88,
    "a score is beyond ±700": lambda p, q: _spread(q) > 700,
    "a score is beyond 88": lambda p, q: np.max(q.s) > 88,
    "a score is beyond 700": lambda p, q: np.max(q.s) > 700,
    "a row's scores are all far below another row's": lambda p, q: _row_gap(q) > 30,
    "a row's scores are all below −30": lambda p, q: np.min(np.max(q.s, 1)) < -30,
    "a row's scores are all below −700": lambda p, q: np.min(np.max(q.s, 1)) < -700,
}


def _arrays(p: NetworkProblem) -> Iterable[Any]:
    return (*p.params.values(), p.X, p.y)


def triggers(failing: list[NetworkProblem], passing: list[NetworkProblem], *, most: int = 2) -> tuple[str, ...]:
    """Return features that every failing problem has and no passing one; none if fewer than two of either are known."""
    if len(failing) < 2 or len(passing) < 2:
        return ()
    found = [*_about_sizes(list(map(_sizes, failing)), list(map(_sizes, passing)))]
    seen = [[(p, _forward(p)) for p in group] for group in (failing, passing)]
    for what, test in _TESTS.items():
        with np.errstate(all="ignore"):
            if all(test(p, q) for p, q in seen[0]) and not any(test(p, q) for p, q in seen[1]):
                found.append(what)
    return tuple(dict.fromkeys(found))[:most]


def _forward(problem: NetworkProblem) -> Forward:
    with np.errstate(all="ignore"):
        return Forward(problem)


def _about_sizes(failing: list[dict[str, int]], passing: list[dict[str, int]]) -> Iterable[str]:
    names = list(failing[0])
    for a in names:
        values = {sizes[a] for sizes in failing}
        others = {sizes[a] for sizes in passing}
        if not values & others:
            low, high = min(values), max(values)
            if low == high:
                yield f"{a} = {low}"
            elif high < min(others):
                yield f"{a} < {min(others)}"
            elif low > max(others):
                yield f"{a} > {max(others)}"
            elif not any(low <= n <= high for n in others):
                yield f"{a} from {low} to {high}"
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if all(s[a] == s[b] for s in failing) and not any(s[a] == s[b] for s in passing):
                yield f"{a} = {b}"
            if all(s[a] != s[b] for s in failing) and not any(s[a] != s[b] for s in passing):
                yield f"{a} ≠ {b}"
            if a == "N" and all(s[a] > 1 == s[b] for s in failing) and not any(s[a] > 1 == s[b] for s in passing):
                yield f"{b} = 1 and N > 1"
