"""Reductions: many entries to one along some axes, and under it how each of the many shares in what comes back."""

import math
from typing import Any, TypeAlias

from handgrad.arrays.namespace import Array, device, namespace
from handgrad.rules.rule import Pullback

__all__ = ["logsumexp", "max", "mean", "sum", "var"]

#: All axes, one, or several; negative ones count from the last.
Axis: TypeAlias = int | tuple[int, ...] | None


def sum(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = Σ x over the axes, all of them by default, and its pullback: dz to each entry.

    x is float32 or float64, of any shape; dx is like it. With ``keepdims`` the axes stay, of length 1. What is no such
    array is a TypeError, an axis that x does not have a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import sum
    >>> z, backward = sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    >>> z, backward(np.array([10.0, 20.0]))
    (array([4., 6.]), (array([[10., 20.],
           [10., 20.]]),))

    References
    ----------
    ``docs/derivations/sum.md``.
    """
    xp = namespace(x)
    axes = _axes("sum", x, axis)

    def backward(dz: Array) -> tuple[Array]:
        return (_repeated(dz, x, axes),)

    return xp.sum(x, axis=axes, keepdims=keepdims), backward


def mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = 1/n Σ x over the n entries along the axes, all by default, and its pullback: dz / n to each entry.

    x is float32 or float64, of any shape; dx is like it. With ``keepdims`` the axes stay, of length 1. What is no such
    array is a TypeError; an axis that x does not have, or one without entries, a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import mean
    >>> z, backward = mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    >>> z, backward(np.array([10.0, 20.0]))
    (array([2., 3.]), (array([[ 5., 10.],
           [ 5., 10.]]),))

    References
    ----------
    ``docs/derivations/mean.md``.
    """
    xp = namespace(x)
    axes = _axes("mean", x, axis)
    n = _count("mean", x, axes)

    def backward(dz: Array) -> tuple[Array]:
        return (_repeated(dz / n, x, axes),)

    return xp.mean(x, axis=axes, keepdims=keepdims), backward


def max(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = the largest entry along the axes, all by default, and its pullback: dz to the entry that is largest.

    Where several are largest, each receives an equal share. x is float32 or float64, of any shape; dx is like it. With
    ``keepdims`` the axes stay, of length 1. What is no such array is a TypeError; an axis that x does not have, or one
    without entries, a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import max
    >>> z, backward = max(np.array([[1.0, 5.0], [3.0, 5.0]]), axis=0)
    >>> z, backward(np.array([10.0, 20.0]))
    (array([3., 5.]), (array([[ 0., 10.],
           [10., 10.]]),))

    References
    ----------
    ``docs/derivations/max.md``.
    """
    xp = namespace(x)
    axes = _axes("max", x, axis)
    _count("max", x, axes)

    def backward(dz: Array) -> tuple[Array]:
        is_largest = x == xp.max(x, axis=axes, keepdims=True)
        ties = xp.sum(xp.astype(is_largest, x.dtype), axis=axes, keepdims=True)
        return (xp.where(is_largest, _kept(dz, x, axes) / ties, 0),)

    return xp.max(x, axis=axes, keepdims=keepdims), backward


def logsumexp(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Return z = log Σ eˣ along the axes, all by default, and its pullback: dz p, with p the softmax of x.

    Computed as m + log1p(Σ e^{x − m} without the largest), with m the largest x: no exponential overflows, and what the
    others add is not lost where the largest is near 0.
    x is float32 or float64, of any shape; dx is like it. With ``keepdims`` the axes stay, of length 1. What is no such
    array is a TypeError; an axis that x does not have, or one without entries, a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import logsumexp
    >>> z, backward = logsumexp(np.array([1000.0, 1000.0]))
    >>> float(z), backward(1.0)
    (1000.6931471805599, (array([0.5, 0.5]),))
    >>> float(logsumexp(np.array([0.0, -50.0]))[0])  # log(1 + 1.9e-22) gives 0
    1.9287498479639178e-22

    References
    ----------
    ``docs/derivations/logsumexp.md``.
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

    def backward(dz: Array) -> tuple[Array]:
        return (e * (_kept(dz, x, axes) / (1 + rest)),)

    return z if keepdims else xp.reshape(z, _without(x, axes)), backward


def var(x: Array, *, axis: Axis = None, keepdims: bool = False, correction: float = 0.0) -> tuple[Array, Pullback]:
    """Return z = Σ (x − x̄)² / (n − correction) along the axes, all by default, and its pullback.

    The pullback is dx = dz · 2 (x − x̄) / (n − correction): each entry moves the mean x̄ too, but the deviations from it
    add up to 0, so that part vanishes. ``correction`` is 0 for the population's variance, 1 for a sample's.
    x is float32 or float64, of any shape; dx is like it. With ``keepdims`` the axes stay, of length 1. What is no such
    array is a TypeError; an axis that x does not have, or no more entries than the correction, a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import var
    >>> z, backward = var(np.array([1.0, 2.0, 6.0]))
    >>> round(float(z), 4), backward(3.0)
    (4.6667, (array([-4., -2.,  6.]),))

    References
    ----------
    ``docs/derivations/var.md``.
    """
    xp = namespace(x)
    axes = _axes("var", x, axis)
    n = _count("var", x, axes, more_than=correction)
    d = x - xp.mean(x, axis=axes, keepdims=True)
    d -= xp.mean(d, axis=axes, keepdims=True)  # the rounding of the first mean, which every dx would bear

    def backward(dz: Array) -> tuple[Array]:
        return (_kept(dz, x, axes) * (2 / (n - correction)) * d,)

    return xp.sum(d * d, axis=axes, keepdims=keepdims) / (n - correction), backward


def _axes(name: str, x: Array, axis: Axis) -> tuple[int, ...]:
    """Return the axes from 0 on; raise unless x has them, each once."""
    given: tuple[Any, ...] = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i + x.ndim if i < 0 else i for i in given)
    if not all(0 <= i < x.ndim for i in axes) or len(set(axes)) < len(axes):
        raise ValueError(f"{name} expected axes of an array of {x.ndim} dimensions, each once, given {axis}")
    return axes


def _count(name: str, x: Array, axes: tuple[int, ...], more_than: float = 0) -> int:
    n = int(math.prod(x.shape[i] for i in axes))
    if n <= more_than:
        raise ValueError(
            f"{name} expected more than {more_than:g} entries along its axes, given shape {tuple(x.shape)}"
        )
    return n


def _without(x: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


def _kept(dz: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Return dz with the axes of length 1, whether they were kept or not: so it broadcasts against x."""
    xp = namespace(x)
    dz = xp.asarray(dz, dtype=x.dtype, **({} if hasattr(dz, "dtype") else device(x)))
    return xp.reshape(dz, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _repeated(dz: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Return a new array of x's shape with dz's entries repeated along the axes."""
    xp = namespace(x)
    return xp.asarray(xp.broadcast_to(_kept(dz, x, axes), x.shape), copy=True)
