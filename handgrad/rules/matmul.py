"""The matrix product, of matrices, vectors and stacks of matrices. Derivation: ``docs/derivations/matmul.md``."""

from handgrad.arrays.namespace import Array, namespace
from handgrad.rules.broadcasting import check_broadcast, unbroadcast
from handgrad.rules.rule import ALL_NEEDED, Cotangents, Needs, Pullback, formula

__all__ = ["matmul"]


@formula("dx = dz yᵀ and dy = xᵀ dz")
def matmul(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return the matrix product z = x y and its pullback.

    As in ``numpy.matmul``, arrays of more than two dimensions are stacks of matrices whose leading axes broadcast; the
    pullback sums over repeated matrices. A vector on the left is a row, on the right a column, and z lacks that axis.

    Parameters
    ----------
    x : (..., N, D) or (D,) array, float32 or float64
    y : (..., D, H) or (D,) array, x's dtype

    Returns
    -------
    z : (..., N, H) array, x's dtype
    backward : callable
        ``dx, dy = backward(dz)``. As each costs a matrix product, ``backward(dz, needs=(False, True))`` returns None
        for what is not needed.

    Raises
    ------
    TypeError
        If the arguments are not real floating arrays of one library and one dtype.
    ValueError
        If the shapes do not fit.

    >>> z, backward = matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    >>> dx, dy = backward(np.ones((1, 1)))
    >>> z, dx, dy.T
    (array([[11.]]), array([[3., 4.]]), array([[1., 2.]]))
    """
    xp = namespace(x, y)
    if x.dtype != y.dtype:
        raise TypeError(f"matmul: x and y must have one dtype, got x {x.dtype}, y {y.dtype}")
    if not (x.ndim and y.ndim and x.shape[-1] == y.shape[-2 if y.ndim > 1 else 0]):
        shapes = "x must be (..., N, D) or (D,) and y (..., D, H) or (D,)"
        raise ValueError(f"matmul: {shapes}, got x {tuple(x.shape)}, y {tuple(y.shape)}")
    if x.ndim > 2 and y.ndim > 2:
        check_broadcast("matmul", x.shape[:-2], y.shape[:-2])

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        row = x if x.ndim > 1 else xp.reshape(x, (1, -1))
        column = y if y.ndim > 1 else xp.reshape(y, (-1, 1))
        if row is not x or column is not y:
            shape = dz.shape[: dz.ndim - (x.ndim > 1) - (y.ndim > 1)]
            dz = xp.reshape(xp.asarray(dz), (*shape, row.shape[-2], column.shape[-1]))
        dx = unbroadcast(dz @ column.mT, row) if needs[0] else None
        dy = unbroadcast(row.mT @ dz, column) if needs[1] else None
        if row is not x and dx is not None:
            dx = xp.reshape(dx, x.shape)
        if column is not y and dy is not None:
            dy = xp.reshape(dy, y.shape)
        return dx, dy

    return x @ y, backward
