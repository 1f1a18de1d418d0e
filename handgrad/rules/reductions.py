"""Reductions of many entries to one along some axes; under each, the part of the cotangent that each entry receives."""

import math
from typing import Any, TypeAlias

from handgrad.arrays.namespace import Array, device, is_array, namespace
from handgrad.rules.rule import ALL_NEEDED, Needs, Pullback, formula

__all__ = ["logsumexp", "max", "mean", "sum", "var"]

#: All axes, one, or several; negative ones count from the last.
Axis: TypeAlias = int | tuple[int, ...] | None

_SECTIONS = """
Parameters
----------
x : array of any shape, float32 or float64
axis : int, tuple of int or None
    The axes to reduce, all by default; negative ones count from the last.
keepdims : bool
    True to keep the reduced axes, with length 1.

Returns
-------
z : array of x's dtype
backward : callable
    ``(dx,) = backward(dz)``, with dz like z and dx like x.

Raises
------
TypeError
    If x is not a real floating array.
ValueError
    If x lacks one of the axes, or has too few entries along them; a sum may have none.
"""


@formula("dz to each entry", sections=_SECTIONS)
def sum(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = Σ x over the axes, and its pullback.

    >>> z, backward = sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    >>> z, backward(np.array([10.0, 20.0]))
    (array([4., 6.]), (array([[10., 20.],
           [10., 20.]]),))
    """
    xp = namespace(x)
    axes = _axes("sum", x, axis)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (_repeated(dz, x, axes),)

    return xp.sum(x, axis=axes, keepdims=keepdims), backward


@formula("dz / n to each entry", sections=_SECTIONS)
def mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = 1/n Σ x over the n entries along the axes, and its pullback.

    >>> z, backward = mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    >>> z, backward(np.array([10.0, 20.0]))
    (array([2., 3.]), (array([[ 5., 10.],
           [ 5., 10.]]),))
    """
    xp = namespace(x)
    axes = _axes("mean", x, axis)
    n = _count("mean", x, axes)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (_repeated(dz / n, x, axes),)

    return xp.mean(x, axis=axes, keepdims=keepdims), backward


@formula("dz to the entry that is largest", sections=_SECTIONS)
def max(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = the largest entry along the axes, and its pullback. Entries that tie for the largest share dz equally.

    >>> z, backward = max(np.array([[1.0, 5.0], [3.0, 5.0]]), axis=0)
    >>> z, backward(np.array([10.0, 20.0]))
    (array([3., 5.]), (array([[ 0., 10.],
           [10., 10.]]),))
    """
    xp = namespace(x)
    axes = _axes("max", x, axis)
    _count("max", x, axes)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        is_largest = x == xp.max(x, axis=axes, keepdims=True)
        ties = xp.sum(xp.astype(is_largest, x.dtype), axis=axes, keepdims=True)
        return (xp.where(is_largest, _with_axes(dz, x, axes) / ties, 0),)

    return xp.max(x, axis=axes, keepdims=keepdims), backward


@formula("dz p, with p the softmax of x", sections=_SECTIONS)
def logsumexp(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = log Σ eˣ along the axes, and its pullback.

    z is computed as m + log1p(Σ e^{x − m} without the largest), with m the largest x: no exponential overflows, and the
    others' contribution is not lost where the largest is near 0.

    >>> z, backward = logsumexp(np.array([1000.0, 1000.0]))
    >>> float(z), backward(1.0)
    (1000.6931471805599, (array([0.5, 0.5]),))
    >>> float(logsumexp(np.array([0.0, -50.0]))[0])  # log(1 + 1.9e-22) gives 0
    1.9287498479639178e-22
    """
    xp = namespace(x)
    axes = _axes("logsumexp", x, axis)
    _count("logsumexp", x, axes)
    m = xp.max(x, axis=axes, keepdims=True)
    e = xp.exp(x - m)
    is_largest = x == m
    ties = xp.sum(xp.astype(is_largest, x.dtype), axis=axes, keepdims=True)
    rest = xp.sum(xp.where(is_largest, 0, e), axis=axes, keepdims=True) + (ties - 1)  # all but one that is largest
    z = m + xp.log1p(rest)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (e * (_with_axes(dz, x, axes) / (1 + rest)),)

    return z if keepdims else xp.reshape(z, tuple(n for i, n in enumerate(x.shape) if i not in axes)), backward


@formula("dx = dz · 2 (x − x̄) / (n − correction)", sections=_SECTIONS)
def var(x: Array, *, axis: Axis = None, keepdims: bool = False, correction: float = 0.0) -> tuple[Array, Pullback]:
    """Return z = Σ (x − x̄)² / (n − correction) along the axes, and its pullback.

    Each entry moves the mean x̄ too, but the deviations from it add up to 0, so that part vanishes. ``correction`` is 0
    for the variance of a population, 1 for that of a sample; there must be more entries than that.

    >>> z, backward = var(np.array([1.0, 2.0, 6.0]))
    >>> round(float(z), 4), backward(3.0)
    (4.6667, (array([-4., -2.,  6.]),))
    """
    xp = namespace(x)
    axes = _axes("var", x, axis)
    n = _count("var", x, axes, more_than=correction)
    d = x - xp.mean(x, axis=axes, keepdims=True)
    d -= xp.mean(d, axis=axes, keepdims=True)  # removes the rounding of the first mean, which every dx would carry

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (_with_axes(dz, x, axes) * (2 / (n - correction)) * d,)

    return xp.sum(d * d, axis=axes, keepdims=keepdims) / (n - correction), backward


def _axes(name: str, x: Array, axis: Axis) -> tuple[int, ...]:
    """Return the axes counted from 0; raise unless x has each of them, and none is repeated."""
    given: tuple[Any, ...] = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i + x.ndim if i < 0 else i for i in given)
    if not all(0 <= i < x.ndim for i in axes) or len(set(axes)) < len(axes):
        raise ValueError(f"{name}: axis must name distinct axes of an array of {x.ndim} dimensions, got {axis}")
    return axes


def _count(name: str, x: Array, axes: tuple[int, ...], more_than: float = 0) -> int:
    n = int(math.prod(x.shape[i] for i in axes))
    if n <= more_than:
        raise ValueError(f"{name}: x must have more than {more_than:g} entries along its axes, got {tuple(x.shape)}")
    return n


def _with_axes(dz: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Return dz with the reduced axes at length 1, so that it broadcasts against x."""
    xp = namespace(x)
    dz = xp.asarray(dz, dtype=x.dtype, **({} if is_array(dz) else device(x)))
    return xp.reshape(dz, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _repeated(dz: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Return a new array of x's shape with dz's entries repeated along the axes."""
    xp = namespace(x)
    return xp.asarray(xp.broadcast_to(_with_axes(dz, x, axes), x.shape), copy=True)
