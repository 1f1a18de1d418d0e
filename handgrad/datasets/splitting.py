"""Some examples to train with, the others to test with."""

from __future__ import annotations  # numpy.random takes longer to import than all of handgrad

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["train_test_split"]


def train_test_split(
    X: NDArray[Any], y: NDArray[Any], *, test_fraction: float = 0.25, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the examples in two parts, drawn at random: one to train with, one to test with.

    Parameters
    ----------
    X : (N, …) array
    y : (N,) array
    test_fraction : float in (0, 1)
        The share of the examples to test with, rounded to the nearest whole number of them.
    rng : numpy.random.Generator

    Returns
    -------
    X_train, y_train, X_test, y_test : arrays
        Copies, of the dtypes of X and y. Each example is in one part, once.

    Raises
    ------
    TypeError
        If rng is not a Generator.
    ValueError
        If X and y differ in length, the fraction is outside (0, 1), or one of the parts would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import datasets
    >>> X, y = datasets.digits()
    >>> X_train, y_train, X_test, y_test = datasets.train_test_split(X, y, rng=np.random.default_rng(0))
    >>> X_train.shape, X_test.shape
    ((1348, 64), (449, 64))
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng expected a numpy.random.Generator, given {type(rng).__name__}")
    N = len(X)
    if len(y) != N:
        raise ValueError(f"y expected {N} labels, one an example, given {len(y)}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction expected a number in (0, 1), given {test_fraction}")
    n = round(N * test_fraction)
    if not 0 < n < N:
        raise ValueError(f"both parts expected at least one example, given {N - n} to train with and {n} to test with")
    order = rng.permutation(N)
    test, train = order[:n], order[n:]
    return X[train], y[train], X[test], y[test]
