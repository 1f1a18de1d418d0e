"""What explains the differences of a lone rule, or of a loss of which nothing but the numbers is known."""

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import ACTIVATIONS, RULES
from oracle.diagnosis.perceptrons.explain import FEWEST, Explanation
from oracle.diagnosis.perceptrons.mistakes import (
    BIASES,
    HIDDEN,
    PENALTIES,
    SCORES,
    WEIGHTS,
    Forward,
    softmax,
    value_and_slope,
)
from oracle.strategies.conventions import Conventions

__all__ = ["explain_loss", "explain_rule"]

Array = NDArray[Any]

#: Of a float32 answer: what remains of it where two sums of a few terms are compared.
_TOLERANCES = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 1e-4}

#: What may have become of a whole array g, of N rows.
_WHOLE: tuple[tuple[str, str, Callable[[Array, int], Array]], ...] = (
    ("sign-flipped", "−1 times what is right", lambda g, N: -g),
    ("factor-wrong", "2 times what is right", lambda g, N: 2 * g),
    ("factor-wrong", "½ times what is right", lambda g, N: g / 2),
    ("gradient-missing", "zeros", lambda g, N: 0 * g),
    ("mean-missing", "N times what is right", lambda g, N: g * N),
    ("mean-twice", "1/N times what is right", lambda g, N: g / N),
    ("transposed", "the transpose of what is right", lambda g, N: g.T if g.shape == g.T.shape else g),
)


def explain_arrays(wrong: Sequence[Any]) -> list[Explanation]:
    """Return what explains the wrong arrays of a rule, or of a user's loss."""
    return explain_rule(wrong) if hasattr(wrong[0].problem, "cotangent") else explain_loss(wrong)


def explain_rule(wrong: Sequence[Any]) -> list[Explanation]:
    """Return what explains the wrong cotangents of a rule, array by array."""
    return list(_explained(wrong, _forms_of_rule))


def explain_loss(wrong: Sequence[Any]) -> list[Explanation]:
    """Return what explains the wrong gradients of somebody's own loss, array by array."""
    return list(_explained(wrong, lambda look, name: _whole(look, name, len(look.problem.X))))


def _explained(
    wrong: Sequence[Any], forms: Callable[[Any, str], Iterator[tuple[str, str, Array]]]
) -> Iterator[Explanation]:
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    shows: dict[tuple[tuple[str, str], ...], int] = {}
    for name in dict.fromkeys(c.name for look in wrong for c in look.wrong):
        looks = [
            look
            for look in wrong
            if any(c.name == name for c in look.wrong) and np.all(np.isfinite(look.answer.arrays[name]))
        ]
        if len(looks) < FEWEST or name in ("loss", "value"):
            continue
        fitting: dict[tuple[str, str], None] | None = None
        for look in looks[:24]:
            with np.errstate(all="ignore"):
                fits = {(cause, algebra): None for cause, algebra, a in forms(look, name) if _close(a, look, name)}
            fitting = fits if fitting is None else {key: None for key in fitting if key in fits}
        by_cause: dict[str, str] = {}
        for cause, algebra in fitting or {}:
            by_cause.setdefault(cause, algebra)
        if by_cause:
            key = tuple(by_cause.items())
            found.setdefault(key, []).append(name)
            shows[key] = max(shows.get(key, 0), len(looks))
    for key, names in found.items():
        (cause, algebra), *others = key
        yield Explanation(cause, algebra, tuple(names), shows[key], alternatives=tuple(others))


def _close(a: Array, look: Any, name: str) -> bool:
    given = np.asarray(look.answer.arrays[name], float)
    if np.shape(a) != given.shape:
        return False
    scale = max(
        np.max(np.abs(given), initial=0), np.max(np.abs(a), initial=0), np.max(np.abs(look.expected[name]), initial=0)
    )
    tolerance = np.maximum(
        _TOLERANCES[look.problem.dtype] * scale, look.bound[name]
    )  # in a tail JAX may have lost more
    return bool(np.all(np.abs(a - given) <= tolerance))


def _whole(look: Any, name: str, N: int) -> Iterator[tuple[str, str, Array]]:
    for cause, algebra, f in _WHOLE:
        yield cause, algebra, f(look.expected[name], N)


def _forms_of_rule(look: Any, name: str) -> Iterator[tuple[str, str, Array]]:
    problem = look.problem
    first = np.asarray(problem.args[0], float)
    dvalue = np.asarray(problem.cotangent, float)
    yield from _whole(look, name, len(first) if first.ndim else 1)
    kind = "" if problem.truth is not None else problem.name
    conventions = Conventions()
    q: Any
    if kind == "affine":
        q = SimpleNamespace(
            N=len(first), depth=1, conventions=conventions, z={1: first @ problem.args[1]}, h={0: first}, slope={}
        )
        if name == "dx":
            W = np.asarray(problem.args[1], float)
            yield "transposed", "dx = dz W where it is square", dvalue @ (W if W.shape == W.T.shape else W.T)
        for form in WEIGHTS[1:] if name == "dW" else BIASES[1:] if name == "db" else ():
            yield from _tried(form, lambda f: f.of(q, 1, first, dvalue) if name == "dW" else f.of(q, 1, dvalue))
    elif kind == "l2":
        q = SimpleNamespace(N=1, reg=problem.kwargs["reg"], conventions=conventions, params={"W": first})
        q.penalty = lambda name: q.reg * first
        for form in PENALTIES[1:]:
            yield from _tried(form, lambda f: f.of(q, "W") * dvalue)
        yield "upstream-missing", "dW = reg W, without dR", q.reg * first
    elif kind == "softmax_cross_entropy":
        q = _scores(first, problem.kwargs["labels"])
        for form in SCORES[1:]:
            yield from _tried(form, lambda f: f.of(q) * dvalue)
        yield "upstream-missing", "ds without dL", SCORES[0].of(q)
    elif kind in ACTIVATIONS:
        options = problem.kwargs
        value, slope = value_and_slope(kind, first) if not options else _with(kind, first, options)
        q = SimpleNamespace(
            N=1, depth=2, conventions=conventions, z={1: first}, h={0: first * np.nan, 1: value}, slope={1: slope}
        )
        q.activations, q.W = {1: kind}, None
        for form in HIDDEN[1:]:
            yield from _tried(form, lambda f: f.of(q, 1, dvalue, dvalue))
    elif kind:
        args = (np.asarray(a, float) for a in problem.args)
        _, backward = RULES[kind](*args, **problem.kwargs)
        cotangents = dict(zip(problem.argument_names, backward(np.ones_like(dvalue))))
        yield "upstream-missing", "the cotangents for dz = 1", np.asarray(cotangents[name[1:]])
    elif np.shape(look.expected[name]) == np.shape(dvalue):
        yield "upstream-missing", "the cotangent alone", dvalue


def _tried(form: Any, of: Callable[[Any], Array]) -> Iterator[tuple[str, str, Array]]:
    try:
        yield form.cause, form.algebra, of(form)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):  # it needs what a lone rule has not
        return


def _with(kind: str, z: Array, options: Any) -> tuple[Array, Array]:
    value, backward = RULES[kind](z, **options)
    return value, backward(np.ones_like(z))[0]


def _scores(s: Array, labels: Array) -> Forward:
    q = Forward.__new__(Forward)
    q.s, q.y, q.conventions = s, np.asarray(labels, int), Conventions()
    q.N, q.C = s.shape
    q.rows, q.p, q.onehot, q.weight = np.arange(q.N), softmax(s, 1), np.eye(q.C)[q.y], 1 / q.N
    q.depth, q.h = 1, {0: s}
    return q
