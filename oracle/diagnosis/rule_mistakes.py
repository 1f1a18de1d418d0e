"""The mistakes that explain the wrong arrays of a lone rule, or of a user's own loss."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import ACTIVATIONS, RULES
from oracle.diagnosis.causes import Explanation
from oracle.diagnosis.perceptrons.forward_pass import Layer, PenaltyTerm, Scores, value_and_slope
from oracle.diagnosis.perceptrons.mistakes import BIASES, HIDDEN, SCORES, WEIGHT_PENALTIES, WEIGHTS, Mistake, mistakes
from oracle.diagnosis.perceptrons.probes import MIN_PROBES
from oracle.strategies.rules import RuleProblem

__all__ = ["explain_arrays"]

Array = NDArray[Any]
#: A cause, its formula, and what it gives.
Candidate = tuple[str, str, Array]

#: The difference allowed between two sums of a few terms, relative to the largest entry.
_TOLERANCES = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 1e-4}
#: The number of problems on which a mistake is tried.
MAX_PROBLEMS = 24

#: Mistakes in a whole array. The formulas take a ``Layer`` with nothing but N and the array, dz.
WHOLE = mistakes(
    {
        "sign-flipped": {"−1 times what is right": lambda q: -q.dz},
        "factor-wrong": {"2 times what is right": lambda q: 2 * q.dz, "½ times what is right": lambda q: q.dz / 2},
        "gradient-missing": {"zeros": lambda q: 0 * q.dz},
        "mean-missing": {"N times what is right": lambda q: q.dz * q.N},
        "mean-twice": {"1/N times what is right": lambda q: q.dz / q.N},
        "transposed": {"the transpose of what is right": lambda q: q.dz.T},
    }
)


def explain_arrays(wrong: Sequence[Any]) -> list[Explanation]:
    """Return the explanations of the wrong arrays of a rule, or of a user's own loss."""
    return list(_explain(wrong))


def _explain(wrong: Sequence[Any]) -> Iterator[Explanation]:
    """Yield an explanation for each group of arrays that the same mistakes explain."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[str, int]]] = {}
    for name in dict.fromkeys(c.name for e in wrong for c in e.wrong if c.name not in ("loss", "value")):
        shown = [e for e in wrong if name in {c.name for c in e.wrong} and np.isfinite(e.answer.arrays[name]).all()]
        if len(shown) < MIN_PROBES:
            continue
        first, *rest = (_fitting(e, name) for e in shown[:MAX_PROBLEMS])
        by_cause: dict[str, str] = {}
        for cause, algebra in first:
            if all((cause, algebra) in other for other in rest):
                by_cause.setdefault(cause, algebra)
        if by_cause:
            groups.setdefault(tuple(by_cause.items()), []).append((name, len(shown)))
    for ((cause, algebra), *others), group in groups.items():
        names, counts = zip(*group)
        yield Explanation(cause, algebra, names, max(counts), alternatives=tuple(others))


def _fitting(evaluation: Any, name: str) -> list[tuple[str, str]]:
    """Return the causes and formulas that give what was returned."""
    with np.errstate(all="ignore"):
        tried = _candidates(evaluation.problem, name, evaluation.expected[name])
        return [(cause, algebra) for cause, algebra, a in tried if _close(a, evaluation, name)]


def _close(a: Array, evaluation: Any, name: str) -> bool:
    given = np.asarray(evaluation.answer.arrays[name], float)
    if np.shape(a) != given.shape:
        return False
    scale = max(np.max(np.abs(b), initial=0) for b in (given, a, evaluation.expected[name]))
    relative = _TOLERANCES[evaluation.problem.dtype] * scale
    # in a tail JAX may have lost more
    return bool(np.all(np.abs(a - given) <= np.maximum(relative, evaluation.bound[name])))


def _candidates(problem: Any, name: str, right: Array) -> Iterator[Candidate]:
    """Yield the mistakes that any array may have, and those of this cotangent."""
    if not isinstance(problem, RuleProblem):
        yield from _applied(WHOLE, Layer(len(problem.X), dz=right))
        return
    first, dvalue = np.asarray(problem.args[0], float), np.asarray(problem.cotangent, float)
    yield from _applied(WHOLE, Layer(len(first) if first.ndim else 1, dz=right))
    if problem.truth is not None:
        if np.shape(right) == np.shape(dvalue):
            yield "upstream-missing", "the cotangent alone", dvalue
    elif problem.name in ACTIVATIONS:
        value, slope = value_and_slope(problem.name, first, **problem.kwargs)
        layer = Layer(1, z=first, h=value, slope=slope, activation=problem.name, dh=dvalue)
        yield from _applied(HIDDEN if first.ndim else (), layer)
    else:
        yield from _OF_RULE.get(problem.name, _of_another)(problem, name, first, dvalue)


def _applied(table: Sequence[Mistake], q: Any, factor: Any = 1.0) -> Iterator[Candidate]:
    """Yield the rows of a table that a lone rule can have, with their values."""
    return ((m.cause, m.algebra, m.formula(q) * factor) for m in table if not m.needs_network)


def _of_affine(problem: Any, name: str, x: Array, dz: Array) -> Iterator[Candidate]:
    W, b = (np.asarray(a, float) for a in problem.args[1:])
    layer = Layer(len(x), len(x), h_prev=x, z=x @ W + b, dz=dz)
    if name == "dx":
        yield "transposed", "dx = dz W where it is square", dz @ (W if W.shape == W.T.shape else W.T)
    else:
        yield from _applied(WEIGHTS if name == "dW" else BIASES, layer)


def _of_l2(problem: Any, name: str, W: Array, dR: Array) -> Iterator[Candidate]:
    reg = np.float64(problem.kwargs["reg"])  # which may be 0, and may be divided by
    term = PenaltyTerm(W, reg, reg)
    yield from _applied(WEIGHT_PENALTIES, term, dR)
    yield "upstream-missing", "dW = reg W, without dR", term.gradient


def _of_cross_entropy(problem: Any, name: str, s: Array, dL: Array) -> Iterator[Candidate]:
    scores = Scores(s, np.asarray(problem.kwargs["labels"], int))
    yield from _applied(SCORES, scores, dL)
    yield "upstream-missing", "ds without dL", scores.ds


def _of_another(problem: Any, name: str, first: Array, dvalue: Array) -> Iterator[Candidate]:
    _, backward = RULES[problem.name](*(np.asarray(a, float) for a in problem.args), **problem.kwargs)
    cotangents = dict(zip(problem.argument_names, backward(np.ones_like(dvalue))))
    yield "upstream-missing", "the cotangents for dz = 1", np.asarray(cotangents[name[1:]])


_OF_RULE: dict[str, Callable[[Any, str, Array, Array], Iterator[Candidate]]] = {
    "affine": _of_affine,
    "l2": _of_l2,
    "softmax_cross_entropy": _of_cross_entropy,
}
