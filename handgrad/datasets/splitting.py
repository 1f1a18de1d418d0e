"""Splitting examples into a training set and a test set."""

from __future__ import annotations  # numpy.random takes longer to import than handgrad

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["train_test_split"]


def train_test_split(
    X: NDArray[Any], y: NDArray[Any], *, test_fraction: float = 0.25, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the examples, split at random into a training set and a test set.

    Parameters
    ----------
    X : (N, …) array
    y : (N,) array
    test_fraction : float in (0, 1)
        Fraction of the examples in the test set, rounded to the nearest whole number of examples.
    rng : numpy.random.Generator

    Returns
    -------
    X_train, y_train, X_test, y_test : arrays
        Copies with the dtypes of X and y. Each example is in exactly one set.

    Raises
    ------
    TypeError
        If rng is not a Generator.
    ValueError
        If X and y differ in length, the fraction is outside (0, 1), or one of the sets would be empty.

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
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    N = len(X)
    if len(y) != N:
        raise ValueError(f"y must have {N} labels, one per example, got {len(y)}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be in (0, 1), got {test_fraction}")
    n = round(N * test_fraction)
    if not 0 < n < N:
        raise ValueError(f"both sets must have at least one example, got {N - n} for training and {n} for testing")
    order = rng.permutation(N)
    test, train = order[:n], order[n:]
    return X[train], y[train], X[test], y[test]
