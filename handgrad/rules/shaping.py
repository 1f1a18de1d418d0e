"""Rules that move, repeat, pick or join entries; under each, the way that their cotangents go back."""

from typing import Any

from handgrad.arrays.indexing import gather, scatter_add
from handgrad.arrays.namespace import Array, namespace, zeros
from handgrad.rules.broadcasting import unbroadcast
from handgrad.rules.rule import ALL_NEEDED, Cotangents, Needs, Pullback, formula

__all__ = ["broadcast_to", "concatenate", "getitem", "reshape", "scatter", "transpose"]

Shape = tuple[int, ...]

_SECTIONS = """
Arrays are float32 or float64, and each cotangent is like its argument.

Raises
------
TypeError
    If an argument is not a real floating array.
ValueError, IndexError
    If the shape, axes or index do not fit.
"""


@formula("dz in x's shape", sections=_SECTIONS)
def reshape(x: Array, *, shape: Shape | int) -> tuple[Array, Pullback]:
    """Return z, x's entries in another shape, row by row, and its pullback.

    One entry of ``shape`` may be −1: it is computed from the others.

    >>> z, backward = reshape(np.array([1.0, 2.0, 3.0, 4.0]), shape=(2, -1))
    >>> z, backward(z)
    (array([[1., 2.],
           [3., 4.]]), (array([1., 2., 3., 4.]),))
    """
    xp = namespace(x)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.reshape(xp.asarray(dz, copy=True), x.shape),)

    return xp.reshape(xp.asarray(x, copy=True), shape), backward


@formula("dz in the order they had", sections=_SECTIONS)
def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> tuple[Array, Pullback]:
    """Return z, x with its axes in another order, reversed by default, and its pullback.

    Axis i of z is axis ``axes[i]`` of x.

    >>> z, backward = transpose(np.ones((2, 3, 4)), axes=(2, 0, 1))
    >>> z.shape, backward(z)[0].shape
    ((4, 2, 3), (2, 3, 4))
    """
    xp = namespace(x)
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(i + x.ndim if i < 0 else i for i in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes must name each axis of an array of {x.ndim} dimensions once, got {axes}")
    back = tuple(order.index(i) for i in range(x.ndim))

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.asarray(xp.permute_dims(dz, back), copy=True),)

    return xp.asarray(xp.permute_dims(x, order), copy=True), backward


@formula("the sum of dz over what was repeated", sections=_SECTIONS)
def broadcast_to(x: Array, *, shape: Shape) -> tuple[Array, Pullback]:
    """Return z, x repeated to a shape, and its pullback.

    >>> z, backward = broadcast_to(np.array([1.0, 2.0]), shape=(3, 2))
    >>> z, backward(np.ones((3, 2)))
    (array([[1., 2.],
           [1., 2.],
           [1., 2.]]), (array([3., 3.]),))
    """
    xp = namespace(x)
    if x.ndim > len(shape) or any(m not in (1, n) for m, n in zip(x.shape[::-1], shape[::-1])):
        raise ValueError(f"broadcast_to: shape must be one that {tuple(x.shape)} broadcasts to, got {tuple(shape)}")

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (unbroadcast(xp.asarray(dz, copy=True), x),)

    return xp.asarray(xp.broadcast_to(x, shape), copy=True), backward


@formula("dz cut where they meet", sections=_SECTIONS)
def concatenate(*arrays: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """Return z, the arrays joined along an axis, and its pullback.

    They have one dtype, and one shape except along that axis.

    >>> z, backward = concatenate(np.array([1.0]), np.array([2.0, 3.0]))
    >>> z, backward(10 * z)
    (array([1., 2., 3.]), (array([10.]), array([20., 30.])))
    """
    if not arrays:
        raise ValueError("concatenate: arrays must be one or more, got none")
    xp = namespace(*arrays)
    if any(a.dtype != arrays[0].dtype for a in arrays):
        raise TypeError(f"concatenate: arrays must have one dtype, got {', '.join(str(a.dtype) for a in arrays)}")
    ndim = arrays[0].ndim
    at = axis + ndim if axis < 0 else axis
    shapes = [tuple(a.shape) for a in arrays]
    if not 0 <= at < ndim or len({(*s[:at], *s[at + 1 :]) for s in shapes}) > 1 or len({len(s) for s in shapes}) > 1:
        raise ValueError(f"concatenate: shapes must match except along axis {axis}, got {', '.join(map(str, shapes))}")

    all_needed = (True,) * len(arrays)

    def backward(dz: Array, needs: Needs = all_needed) -> Cotangents:
        pieces: list[Array | None] = []
        start = 0
        for shape, needed in zip(shapes, needs):
            piece = (slice(None),) * at + (slice(start, start + shape[at]), ...)
            pieces.append(xp.asarray(dz[piece], copy=True) if needed else None)
            start += shape[at]
        return tuple(pieces)

    return xp.concat(arrays, axis=at), backward


@formula("each entry of dz back where it was taken from, on a ground of zeros", sections=_SECTIONS)
def getitem(x: Array, *, index: Any) -> tuple[Array, Pullback]:
    """Return z = x[index], and its pullback.

    An entry that was taken several times receives the sum. The index is what NumPy accepts: integers, slices, ``...``,
    ``None``, arrays of integers or booleans, or a tuple of them.

    >>> z, backward = getitem(np.array([10.0, 20.0, 30.0]), index=np.array([0, 2, 2]))
    >>> z, backward(np.array([1.0, 2.0, 3.0]))
    (array([10., 30., 30.]), (array([1., 0., 5.]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (scatter_add(xp.asarray(dz, dtype=x.dtype), index, x.shape),)

    return xp.asarray(gather(x, index), copy=True), backward


@formula("dx = dz[index]", sections=_SECTIONS)
def scatter(x: Array, *, index: Any, shape: Shape) -> tuple[Array, Pullback]:
    """Return z of the given shape, zero except for z[index] = x, and its pullback.

    It is the counterpart of ``getitem``: entries of x that fall on one place add up. x has the shape of z[index].

    >>> z, backward = scatter(np.array([1.0, 2.0, 3.0]), index=np.array([0, 2, 2]), shape=(4,))
    >>> z, backward(np.array([10.0, 20.0, 30.0, 40.0]))
    (array([1., 0., 5., 0.]), (array([10., 30., 30.]),))
    """
    xp = namespace(x)
    expected = gather(zeros(shape, x), index).shape
    if x.shape != expected:
        raise ValueError(f"scatter: x must have the shape of z[index] {tuple(expected)}, got {tuple(x.shape)}")

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.asarray(gather(dz, index), copy=True),)

    return scatter_add(x, index, shape), backward
