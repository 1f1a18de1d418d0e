"""Findings: the entries that are wrong, in words, and the blind spots of the problems drawn."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.checks.evaluation import Evaluation
from oracle.diagnosis import ForwardPass, is_perceptron
from oracle.reports.verdict import Finding
from oracle.rounding.bounds import Comparison
from oracle.strategies.networks import NetworkProblem

__all__ = ["blind_spots", "findings", "worst_entry"]


def findings(failing: Sequence[Evaluation], shown: Evaluation, causes: set[str]) -> Iterator[Finding]:
    """Yield the wrong arrays, with the numbers of the problem shown, and the violations with these causes."""
    numbers: dict[str, tuple[Evaluation, Comparison]] = {}
    for evaluation in (shown, *failing):
        for c in evaluation.wrong:
            numbers.setdefault(c.name, (evaluation, c))
    violations = {
        v.cause: v for evaluation in (*failing[::-1], shown) for v in evaluation.violations if v.cause in causes
    }
    for cause, violation in violations.items():
        count = sum(any(v.cause == cause for v in evaluation.violations) for evaluation in failing)
        yield Finding(violation.array, str(violation), count)
    here = {c.name for c in shown.wrong}
    for name in sorted(numbers, key=lambda name: (name == "loss", name not in here, -_layer(name))):
        evaluation, c = numbers[name]
        excess = _excess(evaluation, name)
        count = sum(any(x.name == name for x in other.wrong) for other in failing)
        yield Finding(name, str(c), count, c, _pattern(evaluation, name, excess), excess)


def _layer(name: str) -> int:
    """Return the number that a parameter's name ends with, or 0: an error starts in the last layer."""
    digits = re.search(r"\d*$", name)
    return int(digits[0]) if digits and digits[0] else 0


def blind_spots(problems: Sequence[Any]) -> Iterator[str]:
    """Yield the mistakes that none of the problems could have shown."""
    networks = [p for p in problems if isinstance(p, NetworkProblem)]
    if not networks:
        return
    if not any(len(p.X) > 1 for p in networks):
        yield "N = 1 everywhere hides a missing or doubled mean"
    if not any(p.reg for p in networks):
        yield "reg = 0 everywhere hides the penalty"
    elif not any(p.reg and any(np.any(a) for a in p.named_params.values() if a.ndim < 2) for p in networks):
        yield "biases of 0 hide a penalty on them"
    if not any(p.dtype == np.float32 for p in networks):
        yield "float64 alone hides a gradient in a wrong dtype"
    if is_perceptron(networks[0]) and len(networks[0].params) > 2:
        forwards = [ForwardPass(p) for p in networks]
        if not any(np.any(fwd.z[1] <= 0) for fwd in forwards):
            yield "no unit off hides the mask"
        elif not any(np.any(fwd.z[1] == 0) for fwd in forwards):
            yield "no pre-activation of exactly 0 hides the convention at the kink"
        if all(a.shape[0] == a.shape[1] for p in networks for a in p.named_params.values() if a.ndim == 2):
            yield "square weights alone hide a shape that is wrong"


def worst_entry(evaluation: Evaluation) -> Comparison | None:
    """Return the entry that is furthest off, a gradient's before the loss's."""
    return max(evaluation.wrong, key=lambda c: (c.name != "loss", c.excess), default=None)


def _excess(evaluation: Evaluation, name: str) -> NDArray[Any]:
    assert evaluation.answer is not None
    with np.errstate(all="ignore"):
        given = evaluation.answer.arrays[name].astype(float).reshape(evaluation.expected[name].shape)
        return np.asarray(np.nan_to_num(np.abs(given - evaluation.expected[name]) / evaluation.bound[name], nan=np.inf))


def _pattern(evaluation: Evaluation, name: str, excess: NDArray[Any]) -> str:
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
        for axis, line in ((0, "column"), (1, "row")):
            numbers = np.flatnonzero(wrong.any(axis=axis))
            if len(numbers) == 1:
                return f"{line} {numbers[0]} alone"
    return _units(evaluation, name, wrong) or f"{count} of {total} entries"


def _units(evaluation: Evaluation, name: str, wrong: NDArray[Any]) -> str:
    """Say so if the columns that are wrong are those of the dead units, or of the classes that are absent or not."""
    if not is_perceptron(evaluation.problem):
        return ""
    fwd, i = ForwardPass(evaluation.problem), _layer(name)
    columns = wrong.any(axis=0) if wrong.ndim == 2 else wrong
    if i == fwd.depth:
        present = np.isin(np.arange(fwd.C), fwd.y)
        kinds = {"classes that occur": present, "classes that are absent": ~present}
    else:
        dead = np.all(fwd.z[i] <= 0, axis=0)
        kinds = {"dead units": dead, "live units": ~dead}
    return next((f"the {kind} alone" for kind, these in kinds.items() if np.array_equal(columns, these)), "")
