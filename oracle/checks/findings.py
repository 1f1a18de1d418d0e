"""What of a candidate's answers is wrong, in words: the entry, how many, and which; and what could not be seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.checks.evaluation import Look, is_known_network
from oracle.diagnosis.perceptrons.mistakes import Forward
from oracle.reports.verdict import Finding
from oracle.rounding.monte_carlo import Comparison
from oracle.strategies.problems import NetworkProblem

__all__ = ["findings", "unseen", "worst"]


def findings(failing: list[Look], shown: Look, told: set[str]) -> Iterator[Finding]:
    """Yield what is wrong, with the numbers of the problem shown; of the breaches those whose causes are told."""
    numbers: dict[str, tuple[Look, Comparison]] = {}
    for look in (shown, *failing):
        for c in look.wrong:
            numbers.setdefault(c.name, (look, c))
    breaches = {b.cause: b for look in (*failing[::-1], shown) for b in look.breaches if b.cause in told}
    for cause, b in breaches.items():
        count = sum(any(x.cause == cause for x in look.breaches) for look in failing)
        yield Finding(b.array, str(b), count)
    here = {c.name for c in shown.wrong}
    order = sorted(
        numbers,
        key=lambda name: (name == "loss", name not in here, -int(name[1:] or 0) if name[1:].isdigit() else 0),
    )
    for name in order:
        look, c = numbers[name]
        excess = _excess(look, name)
        count = sum(any(x.name == name for x in other.wrong) for other in failing)
        yield Finding(name, str(c), count, c, _pattern(look, name, excess), excess)


def unseen(problems: list[Any]) -> Iterator[str]:
    """Yield what none of the problems could have shown."""
    networks = [p for p in problems if isinstance(p, NetworkProblem)]
    if not networks:
        return
    if not any(len(p.X) > 1 for p in networks):
        yield "N = 1 everywhere hides a missing or doubled mean"
    if not any(p.reg for p in networks):
        yield "reg = 0 everywhere hides the penalty"
    elif not any(p.reg and any(np.any(a) for name, a in p.params.items() if name[0] == "b") for p in networks):
        yield "biases of 0 hide a penalty on them"
    if not any(p.dtype == np.float32 for p in networks):
        yield "float64 alone hides a gradient in a wrong dtype"
    if networks[0].truth is None and len(networks[0].params) > 2:
        forwards = [Forward(p) for p in networks]
        if not any(np.any(q.z[1] <= 0) for q in forwards):
            yield "no unit off hides the mask"
        elif not any(np.any(q.z[1] == 0) for q in forwards):
            yield "no pre-activation of exactly 0 hides the convention at the kink"
        if not any(q.W(i).shape[0] != q.W(i).shape[1] for q in forwards for i in range(1, q.depth + 1)):
            yield "square weights alone hide a shape that is wrong"


def worst(look: Look) -> Comparison | None:
    """Return the entry that is furthest off, a gradient's before the loss's."""
    return max(look.wrong, key=lambda c: (c.name != "loss", c.excess), default=None)


def _excess(look: Look, name: str) -> NDArray[Any]:
    assert look.answer is not None
    with np.errstate(all="ignore"):
        given = look.answer.arrays[name].astype(float).reshape(look.expected[name].shape)
        return np.asarray(np.nan_to_num(np.abs(given - look.expected[name]) / look.bound[name], nan=np.inf))


def _pattern(look: Look, name: str, excess: NDArray[Any]) -> str:
    """Say which entries are wrong."""
    wrong = excess > 1
    count, total = int(wrong.sum()), wrong.size
    if total == 1:
        return ""
    if count == total:
        return f"all {total} entries"
    if count == 1:
        return f"1 of {total} entries"
    if wrong.ndim == 2:
        for axis, what in ((0, "column"), (1, "row")):
            lines = np.flatnonzero(wrong.any(axis=axis))
            if len(lines) == 1:
                return f"{what} {lines[0]} alone"
    units = _units(look, name, wrong)
    return units or f"{count} of {total} entries"


def _units(look: Look, name: str, wrong: NDArray[Any]) -> str:
    """Say so if the columns that are wrong are those of the dead units, or of the classes that are absent or not."""
    if not is_known_network(look.problem):
        return ""
    q = Forward(look.problem)
    columns = wrong.any(axis=0) if wrong.ndim == 2 else wrong
    i = int(name[1:])
    present = np.isin(np.arange(q.C), q.y)
    kinds = {"classes that occur": present, "classes that are absent": ~present} if i == q.depth else {}
    if i < q.depth:
        dead = np.all(q.z[i] <= 0, axis=0)
        kinds = {"dead units": dead, "live units": ~dead}
    for what, these in kinds.items():
        if np.array_equal(columns, these):
            return f"the {what} alone"
    return ""
