"""Entries moved, repeated, picked or put side by side, and under each how their cotangents find the way back."""

from typing import Any

from handgrad.arrays.namespace import Array, gather, namespace, scatter_add, zeros
from handgrad.rules.broadcasting import unbroadcast
from handgrad.rules.rule import Pullback

__all__ = ["broadcast_to", "concatenate", "getitem", "reshape", "scatter", "transpose"]

Shape = tuple[int, ...]


def reshape(x: Array, *, shape: Shape | int) -> tuple[Array, Pullback]:
    """Return z, x's entries in another shape, row by row, and its pullback: dz in x's shape.

    x is float32 or float64; one entry of ``shape`` may be −1, for what is left. What is no such array is a TypeError, a
    shape of another size a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import reshape
    >>> z, backward = reshape(np.array([1.0, 2.0, 3.0, 4.0]), shape=(2, -1))
    >>> z, backward(z)
    (array([[1., 2.],
           [3., 4.]]), (array([1., 2., 3., 4.]),))

    References
    ----------
    ``docs/derivations/reshape.md``.
    """
    xp = namespace(x)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)

    def backward(dz: Array) -> tuple[Array]:
        return (xp.reshape(xp.asarray(dz, copy=True), x.shape),)

    return xp.reshape(xp.asarray(x, copy=True), shape), backward


def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> tuple[Array, Pullback]:
    """Return z, x with its axes in another order, backwards by default, and its pullback: dz in the order they had.

    Axis i of z is axis ``axes[i]`` of x. x is float32 or float64. What is no such array is a TypeError, axes that are
    not each of x's once a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import transpose
    >>> z, backward = transpose(np.ones((2, 3, 4)), axes=(2, 0, 1))
    >>> z.shape, backward(z)[0].shape
    ((4, 2, 3), (2, 3, 4))

    References
    ----------
    ``docs/derivations/transpose.md``.
    """
    xp = namespace(x)
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(i + x.ndim if i < 0 else i for i in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"transpose expected each axis of an array of {x.ndim} dimensions once, given {axes}")
    back = tuple(order.index(i) for i in range(x.ndim))

    def backward(dz: Array) -> tuple[Array]:
        return (xp.asarray(xp.permute_dims(dz, back), copy=True),)

    return xp.asarray(xp.permute_dims(x, order), copy=True), backward


def broadcast_to(x: Array, *, shape: Shape) -> tuple[Array, Pullback]:
    """Return z, x repeated to a shape, and its pullback: the sum of dz over what was repeated.

    x is float32 or float64. What is no such array is a TypeError, a shape that it does not broadcast to a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import broadcast_to
    >>> z, backward = broadcast_to(np.array([1.0, 2.0]), shape=(3, 2))
    >>> z, backward(np.ones((3, 2)))
    (array([[1., 2.],
           [1., 2.],
           [1., 2.]]), (array([3., 3.]),))

    References
    ----------
    ``docs/derivations/broadcast_to.md``.
    """
    xp = namespace(x)
    if x.ndim > len(shape) or any(m not in (1, n) for m, n in zip(x.shape[::-1], shape[::-1])):
        raise ValueError(f"broadcast_to expected a shape that {tuple(x.shape)} broadcasts to, given {tuple(shape)}")

    def backward(dz: Array) -> tuple[Array]:
        return (unbroadcast(xp.asarray(dz, copy=True), x),)

    return xp.asarray(xp.broadcast_to(x, shape), copy=True), backward


def concatenate(*arrays: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """Return z, the arrays side by side along an axis, and its pullback: dz cut where they meet.

    The arrays are float32 or float64, all the same, and of one shape but for that axis; there is one cotangent for
    each, like it. A TypeError or ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import concatenate
    >>> z, backward = concatenate(np.array([1.0]), np.array([2.0, 3.0]))
    >>> z, backward(10 * z)
    (array([1., 2., 3.]), (array([10.]), array([20., 30.])))

    References
    ----------
    ``docs/derivations/concatenate.md``.
    """
    if not arrays:
        raise ValueError("concatenate expected at least one array, given none")
    xp = namespace(*arrays)
    if any(a.dtype != arrays[0].dtype for a in arrays):
        raise TypeError(f"concatenate expected one dtype, given {', '.join(str(a.dtype) for a in arrays)}")
    ndim = arrays[0].ndim
    at = axis + ndim if axis < 0 else axis
    shapes = [tuple(a.shape) for a in arrays]
    if not 0 <= at < ndim or len({(*s[:at], *s[at + 1 :]) for s in shapes}) > 1 or len({len(s) for s in shapes}) > 1:
        raise ValueError(f"concatenate expected shapes alike but for axis {axis}, given {', '.join(map(str, shapes))}")

    def backward(dz: Array) -> tuple[Array, ...]:
        pieces, start = [], 0
        for shape in shapes:
            end = start + shape[at]
            pieces.append(xp.asarray(dz[(slice(None),) * at + (slice(start, end), ...)], copy=True))
            start = end
        return tuple(pieces)

    return xp.concat(arrays, axis=at), backward


def getitem(x: Array, *, index: Any) -> tuple[Array, Pullback]:
    """Return z = x[index], and its pullback: each entry of dz back where it was taken from, on a ground of zeros.

    An entry that was taken several times receives the sum. x is float32 or float64; the index is what NumPy takes:
    integers, slices, ``...``, ``None``, arrays of integers or booleans, or a tuple of them. What is no such array is a
    TypeError, an index out of range an IndexError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import getitem
    >>> z, backward = getitem(np.array([10.0, 20.0, 30.0]), index=np.array([0, 2, 2]))
    >>> z, backward(np.array([1.0, 2.0, 3.0]))
    (array([10., 30., 30.]), (array([1., 0., 5.]),))

    References
    ----------
    ``docs/derivations/getitem.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (scatter_add(xp.asarray(dz, dtype=x.dtype), index, x.shape),)

    return xp.asarray(gather(x, index), copy=True), backward


def scatter(x: Array, *, index: Any, shape: Shape) -> tuple[Array, Pullback]:
    """Return z of the given shape, zero but for z[index] = x, and its pullback dx = dz[index].

    The counterpart of ``getitem``: what falls on one place adds up. x is float32 or float64. What is no such array is a
    TypeError, an index out of range an IndexError, another shape than that of z[index] a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import scatter
    >>> z, backward = scatter(np.array([1.0, 2.0, 3.0]), index=np.array([0, 2, 2]), shape=(4,))
    >>> z, backward(np.array([10.0, 20.0, 30.0, 40.0]))
    (array([1., 0., 5., 0.]), (array([10., 30., 30.]),))

    References
    ----------
    ``docs/derivations/scatter.md``.
    """
    xp = namespace(x)
    expected = gather(zeros(shape, x), index).shape
    if x.shape != expected:
        raise ValueError(f"scatter expected x of z[index]'s shape {tuple(expected)}, given {tuple(x.shape)}")

    def backward(dz: Array) -> tuple[Array]:
        return (xp.asarray(gather(dz, index), copy=True),)

    return scatter_add(x, index, shape), backward
