"""Exact arithmetic: values and gradients in 60 digits with mpmath, the judge when handgrad and JAX differ.

Runs the steps of a program in the exact forms that stand beside the reference rules. Slow, and for small problems.
"""

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf
from numpy.typing import NDArray

from oracle.reference import RULES
from oracle.reference.exact_forms import each, numbers, zeros
from oracle.reference.recording import Recording, Step, exact_form_of
from oracle.strategies.problem import Problem

__all__ = ["DIGITS", "answers", "error"]

DIGITS = 60
HALF_SMALLEST_SUBNORMAL = mpf(2) ** -1075


def answers(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return the exact answers as object arrays of mpmath numbers, by name, the value first.

    Raises
    ------
    TypeError
        If the problem is of a user's function in JAX: its steps are unknown.
    """
    recording = problem.recording()
    if recording is None:
        raise TypeError(f"problem must be of a rule or network of handgrad, got one of {problem.name}")
    with mpmath.workdps(DIGITS):
        value, cotangents = _first(recording) if recording.direction is None else _second(recording)
    found = dict(zip(recording.leaves, cotangents))
    first, *names = problem.like()
    return {first: value, **{name: found[name] for name in names}}


def _first(recording: Recording) -> tuple[Any, list[Any]]:
    leaves = list(map(numbers, recording.leaves.values()))
    return _run(leaves, recording.steps, numbers(recording.cotangent))


def _run(leaves: Sequence[Any], steps: Sequence[Step], cotangent: Any) -> tuple[Any, list[Any]]:
    """Return the value of the last step, and the cotangents of the leaves: the chain rule, forwards and backwards.

    A value too small for any float64 is 0, as in any program, so that the next step may be on a kink.
    """
    nodes, pullbacks = [np.asarray(a, object) for a in leaves], []  # arithmetic on 0-d arrays gives numbers
    for step in steps:
        args = (nodes[i] if isinstance(i, int) else numbers(i) for i in step.operands)
        kwargs = {k: numbers(v) if _is_real(v) else v for k, v in step.kwargs.items()}
        value, backward = exact_form_of(RULES[step.rule])(*args, **kwargs)
        nodes.append(each(lambda a: a if abs(a) > HALF_SMALLEST_SUBNORMAL else mpf(0), value))
        pullbacks.append(backward)
    cotangents = [zeros(a.shape) for a in nodes]
    cotangents[-1] = np.broadcast_to(cotangent, nodes[-1].shape)
    for k in range(len(steps) - 1, -1, -1):
        for i, d in zip(steps[k].operands, pullbacks[k](cotangents[len(leaves) + k])):
            if isinstance(i, int):
                cotangents[i] = np.asarray(cotangents[i] + d, object)
    return nodes[-1], cotangents[: len(leaves)]


def _is_real(keyword: Any) -> bool:
    """Return True for an array of floats, or of the numbers that were made of them."""
    return isinstance(keyword, np.ndarray) and keyword.dtype.kind in "fO"


def _second(recording: Recording) -> tuple[Any, list[Any]]:
    """Return the product of the direction and the gradient, and how it changes: the gradient's difference quotient.

    What cancels in it may have been rounded before. So there are ten times the digits: what that and the step leave of
    a zero is below every float64.
    """
    assert recording.direction is not None
    with mpmath.workdps(10 * DIGITS):
        step = mpf(10) ** -(10 * DIGITS // 3)
        leaves, direction = list(map(numbers, recording.leaves.values())), list(map(numbers, recording.direction))
        ahead, here, behind = (
            _run([a + sign * step * v for a, v in zip(leaves, direction)], recording.steps, mpf(1))[1]
            for sign in (1, 0, -1)
        )
        product = sum((np.sum(np.asarray(d * v, object)) for d, v in zip(here, direction)), mpf(0))
        return np.asarray(product, object), [np.asarray((a - b) / (2 * step), object) for a, b in zip(ahead, behind)]


def error(given: Any, exact: NDArray[Any]) -> NDArray[np.float64]:
    """Return |given − exact|, entry by entry, rounded only in the end; infinite where ``given`` is not finite."""
    with mpmath.workdps(DIGITS):
        given = np.asarray(given)
        pairs = zip(given.ravel(), exact.ravel())
        flat = [float(abs(mpf(float(g)) - e)) if np.isfinite(g) else np.inf for g, e in pairs]
    return np.array(flat, float).reshape(given.shape)
