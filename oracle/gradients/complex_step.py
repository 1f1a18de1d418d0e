"""The complex step: the gradient as Im f(x + ih) / h, in plain NumPy.

A difference quotient subtracts two nearly equal numbers; this subtracts nothing. With h = 1e-20 its truncation error,
of order h², is far below rounding, so it is as accurate as f itself. It needs f written in functions that NumPy has for
complex numbers, and a convention at a kink: here a ReLU passes what has a positive real part, so its slope at 0 is 0.

Reference: W. Squire, G. Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40, 1998.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.strategies.problem import Problem

__all__ = ["FORMS", "answers", "gradient"]

STEP = 1e-20


def gradient(
    f: Callable[[dict[str, NDArray[Any]]], Any], at: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float64]]:
    """Return the gradient of a scalar function of a dict of arrays, entry by entry.

    Parameters
    ----------
    f : callable
        Takes a dict like ``at``, with one array complex, to a scalar. Comparisons must look at ``.real``.
    at : dict of real arrays

    Returns
    -------
    dict
        A float64 array for each array in ``at``, of its shape.

    Examples
    --------
    >>> import numpy as np
    >>> from oracle.gradients.complex_step import gradient
    >>> gradient(lambda p: np.exp(p["x"]).sum(), {"x": np.array([0.0, 1.0])})
    {'x': array([1.        , 2.71828183])}
    """
    found = {}
    for name, a in at.items():
        found[name] = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            moved = a.astype(complex)
            moved[index] += STEP * 1j
            found[name][index] = np.imag(f({**at, name: moved})) / STEP
    return found


def _softmax_cross_entropy(scores: Any, *, labels: Any) -> Any:
    s = scores - np.max(scores.real, axis=1, keepdims=True)
    log_p = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


#: The rules that NumPy computes for real and complex arrays alike.
FORMS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "affine": lambda x, W, b: x @ W + b,
    "l2": lambda W, *, reg: reg / 2 * np.sum(W**2),
    "multiply": np.multiply,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "softmax_cross_entropy": _softmax_cross_entropy,
}


def answers(problem: Problem) -> dict[str, NDArray[Any]] | None:
    """Return the value and the gradients of a scalar, or None where a step has no complex form here."""
    recording = problem.recording()
    if recording is None or recording.direction is not None or np.ndim(recording.cotangent):
        return None
    steps = recording.steps
    if any(step.rule not in FORMS for step in steps):
        return None
    wide = {name: np.asarray(a, float) for name, a in recording.leaves.items()}

    def value(arrays: dict[str, NDArray[Any]]) -> Any:
        nodes: list[Any] = list(arrays.values())
        for step in steps:
            args = (nodes[i] if isinstance(i, int) else i for i in step.operands)
            nodes.append(FORMS[step.rule](*args, **step.kwargs))
        return nodes[-1]

    first, *names = problem.like()
    found = gradient(lambda arrays: value(arrays) * recording.cotangent, wide)
    return {first: np.asarray(value(wide)), **{name: found[name] for name in names}}
