"""The affine map, the linear half of every layer. Derivation: ``docs/derivations/affine.md``."""

from collections.abc import Callable

from handgrad.arrays.namespace import Array, namespace

__all__ = ["affine"]


def affine(x: Array, W: Array, b: Array) -> tuple[Array, Callable[..., tuple[Array | None, ...]]]:
    """Return z = x W + b and its pullback.

    The pullback is dx = dz Wᵀ, dW = xᵀ dz, db = Σₙ dzₙ: eq. affine-gradient.

    Parameters
    ----------
    x : (N, D) array, float32 or float64
        One example a row.
    W : (D, H) array, x's dtype
        Weights, one unit a column.
    b : (H,) array, x's dtype
        Biases.

    Returns
    -------
    z : (N, H) array, x's dtype
    backward : callable
        ``dx, dW, db = backward(dz)`` with dz (N, H). As dx and dW cost a matrix product each,
        ``backward(dz, needs=(False, True, True))`` gives None for what is not needed.

    Raises
    ------
    TypeError
        If the arguments are not real floating arrays of one library and one dtype.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import affine
    >>> z, backward = affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    >>> z
    array([[16.]])
    >>> dx, dW, db = backward(np.ones((1, 1)))
    >>> dx, dW.T, db
    (array([[3., 4.]]), array([[1., 2.]]), array([1.]))

    References
    ----------
    ``docs/derivations/affine.md``.
    """
    xp = namespace(x, W, b)
    if x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[0] or b.shape != (W.shape[1],):
        raise ValueError(f"affine expected x (N, D), W (D, H), b (H,), given x {x.shape}, W {W.shape}, b {b.shape}")
    if not x.dtype == W.dtype == b.dtype:
        raise TypeError(f"affine expected one dtype, given x {x.dtype}, W {W.dtype}, b {b.dtype}")
    z = x @ W  # (N, H)
    z += b

    def backward(dz: Array, needs: tuple[bool, bool, bool] = (True, True, True)) -> tuple[Array | None, ...]:
        dx = dz @ W.T if needs[0] else None  # (N, D)
        dW = x.T @ dz if needs[1] else None  # (D, H)
        db = xp.sum(dz, axis=0) if needs[2] else None  # (H,)
        return dx, dW, db

    return z, backward
