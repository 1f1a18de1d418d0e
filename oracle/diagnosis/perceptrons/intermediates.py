"""Which of the intermediates that a candidate hands over is wrong first."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.explain import TOLERANCE
from oracle.diagnosis.perceptrons.mistakes import RIGHT, Forward
from oracle.strategies.networks import NetworkProblem

__all__ = ["first_wrong_stage"]

#: What people call the quantities of a network's pass.
_CALLED = {
    "s": ("s", "scores", "logits", "f"),
    "p": ("p", "probs", "probabilities", "y_hat"),
    "ds": ("ds", "dscores", "dlogits", "dS"),
}


def first_wrong_stage(problem: NetworkProblem, given: Mapping[str, NDArray[Any]]) -> str:
    """Return the name of the first quantity that is not right, and the last before it that is; "" if all are."""
    last = ""
    for name, right in _quantities(Forward(problem)):
        if name not in given:
            continue
        a = np.asarray(given[name], float)
        if a.shape != right.shape:
            return f"{name} has shape {a.shape}, expected {right.shape}{last}"
        if not np.all(np.abs(a - right) <= 2**8 * TOLERANCE * np.max(np.abs(right), initial=1e-300)):
            return f"{name}{last}"
        last = f", after {name}, which is right"
    return ""


def _quantities(q: Forward) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the quantities in the order in which they are computed, under every name that they have."""
    for i in range(1, q.depth):
        yield from _named("z", i, q.depth, q.z[i])
        yield from _named("h", i, q.depth, q.h[i])
        yield from _named("a", i, q.depth, q.h[i])
    for kind, a in (("s", q.s), ("p", q.p), ("ds", RIGHT.of(q))):
        for name in (
            *_CALLED[kind],
            *((f"z{q.depth}",) if kind == "s" else ()),
            *((f"dz{q.depth}",) if kind == "ds" else ()),
        ):
            yield name, a
    u = RIGHT.of(q)
    for i in range(q.depth - 1, 0, -1):
        dh = u @ q.W(i + 1).T
        u = dh * q.slope[i]
        yield from _named("dh", i, q.depth, dh)
        yield from _named("da", i, q.depth, dh)
        yield from _named("dz", i, q.depth, u)


def _named(name: str, i: int, depth: int, a: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    yield f"{name}{i}", a
    if depth == 2:
        yield name, a
        if name in ("h", "dh"):
            yield ("hidden" if name == "h" else "dhidden"), a
