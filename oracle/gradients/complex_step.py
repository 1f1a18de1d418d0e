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

from oracle.strategies.problems import NetworkProblem

__all__ = ["gradient", "testify"]

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


def testify(problem: Any) -> dict[str, NDArray[Any]] | None:
    """Return the loss and gradients of a network of rectified units, or None for anything else."""
    if not isinstance(problem, NetworkProblem) or set(problem.kwargs.get("activation", ())) - {"relu"}:
        return None
    wide = {name: a.astype(float) for name, a in {**problem.params, "X": problem.X}.items()}

    def objective(arrays: dict[str, NDArray[Any]]) -> Any:
        return _loss(arrays, problem.y.astype(int), problem.reg)

    return {"loss": np.asarray(objective(wide)), **gradient(objective, wide)}


def _loss(arrays: Mapping[str, NDArray[Any]], y: NDArray[Any], reg: float) -> Any:
    """Return the mean cross-entropy plus ½ reg times the sum of the squared weights, for real or complex arrays."""
    depth = len(arrays) // 2
    s, penalty = arrays["X"], 0.0
    for i in range(1, depth + 1):
        h = np.where(s.real > 0, s, 0) if i > 1 else s
        s = h @ arrays[f"W{i}"] + arrays[f"b{i}"]
        penalty = penalty + np.sum(arrays[f"W{i}"] ** 2)
    s = s - np.max(s.real, axis=1, keepdims=True)
    log_p = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(y)), y]) + reg / 2 * penalty
