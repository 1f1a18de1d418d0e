"""Initial parameters of a network."""

from __future__ import annotations  # numpy.random takes longer to import than handgrad

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from handgrad.arrays.namespace import Array

__all__ = ["init_params"]


def init_params(
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    scheme: Literal["he", "glorot"] | float = "he",
    dtype: Any = np.float64,
) -> dict[str, Array]:
    """Return the parameters of a network with these layer sizes: normal weights, zero biases.

    The weights of a layer from D to H units have the standard deviation √(2/D) (He), which preserves the scale of the
    units after a ReLU; √(2/(D + H)) (Glorot), suited to tanh; or the one you give.

    Parameters
    ----------
    sizes : sequence of at least two positive int
        D, the hidden sizes, C.
    rng : numpy.random.Generator
    scheme : "he", "glorot" or float
        A float is the standard deviation itself, 0 or more.
    dtype : float32 or float64

    Returns
    -------
    dict
        ``{"W1": (D, H1), "b1": (H1,), "W2": ...}``, NumPy arrays.

    Raises
    ------
    TypeError
        If rng is not a Generator or dtype is not floating.
    ValueError
        If sizes or scheme is none of the above.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import init_params
    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> {name: a.shape for name, a in params.items()}
    {'W1': (4, 10), 'b1': (10,), 'W2': (10, 3), 'b2': (3,)}

    References
    ----------
    K. He et al., Delving deep into rectifiers, ICCV 2015. X. Glorot, Y. Bengio, Understanding the difficulty of
    training deep feedforward neural networks, AISTATS 2010.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    if len(sizes) < 2 or any(not isinstance(n, int | np.integer) or n < 1 for n in sizes):
        raise ValueError(f"sizes must be two or more positive integers, got {list(sizes)}")
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype must be floating, got {np.dtype(dtype)}")
    params: dict[str, Array] = {}
    for i, (D, H) in enumerate(zip(sizes[:-1], sizes[1:]), start=1):
        params[f"W{i}"] = (rng.standard_normal((D, H)) * _std(scheme, D, H)).astype(dtype)
        params[f"b{i}"] = np.zeros(H, dtype)
    return params


def _std(scheme: str | float, D: int, H: int) -> float:
    if scheme == "he":
        return math.sqrt(2 / D)
    if scheme == "glorot":
        return math.sqrt(2 / (D + H))
    if isinstance(scheme, int | float) and not isinstance(scheme, bool) and 0 <= scheme < math.inf:
        return float(scheme)
    raise ValueError(f"scheme must be 'he', 'glorot' or a standard deviation of 0 or more, got {scheme!r}")
