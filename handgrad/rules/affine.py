"""The affine map, the linear half of every layer. Derivation: ``docs/derivations/affine.md``."""

from handgrad.arrays.namespace import Array, namespace
from handgrad.rules.rule import ALL_NEEDED, Cotangents, Needs, Pullback, formula

__all__ = ["affine"]


@formula("dx = dz Wᵀ, dW = xᵀ dz, db = Σₙ dzₙ")
def affine(x: Array, W: Array, b: Array) -> tuple[Array, Pullback]:
    """Return z = x W + b and its pullback.

    See eq. affine-gradient.

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
        ``backward(dz, needs=(False, True, True))`` returns None for what is not needed.

    Raises
    ------
    TypeError
        If the arguments are not real floating arrays of one library and one dtype.
    ValueError
        If the shapes do not fit.

    >>> z, backward = affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    >>> z
    array([[16.]])
    >>> dx, dW, db = backward(np.ones((1, 1)))
    >>> dx, dW.T, db
    (array([[3., 4.]]), array([[1., 2.]]), array([1.]))
    """
    xp = namespace(x, W, b)
    if x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[0] or b.shape != (W.shape[1],):
        raise ValueError(f"affine: x must be (N, D), W (D, H), b (H,), got x {x.shape}, W {W.shape}, b {b.shape}")
    if not x.dtype == W.dtype == b.dtype:
        raise TypeError(f"affine: x, W and b must have one dtype, got x {x.dtype}, W {W.dtype}, b {b.dtype}")
    z = x @ W  # (N, H)
    z += b

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = dz @ W.T if needs[0] else None  # (N, D)
        dW = x.T @ dz if needs[1] else None  # (D, H)
        db = xp.sum(dz, axis=0) if needs[2] else None  # (H,)
        return dx, dW, db

    return z, backward
