"""Build the exact form of a rule, ``value, backward = form(*args, **kwargs)``, on object arrays of mpmath numbers.

Each form is written from the definition; at a kink the derivative is what the table of conventions in
``docs/derivations/kinks.md`` says. The precision is the caller's.
"""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

__all__ = ["Form", "each", "elementwise", "numbers", "operation", "rearrangement", "reduction", "zeros"]

#: The value, and a function of its cotangent that returns the cotangents of the arguments.
Form = Callable[..., tuple[Any, Callable[[Any], tuple[Any, ...]]]]


def numbers(a: Any) -> Any:
    """Return an object array of an array's entries as mpmath numbers, which they may be already."""
    return each(mpmath.mpmathify, a)


def each(f: Callable[[Any], Any], a: Any) -> Any:
    """Return an object array of f of each entry."""
    return np.array([f(x) for x in np.ravel(a).tolist()], object).reshape(np.shape(a))


def zeros(shape: tuple[int, ...]) -> Any:
    """Return an object array of zeros."""
    return np.full(shape, mpf(0), object)


class elementwise:
    """The form of a function of one array, entry by entry, from its value and its slope."""

    def __init__(self, value: Callable[..., Any], slope: Callable[..., Any]) -> None:
        self.value, self.slope = value, slope

    def __call__(self, x: Any, **kwargs: Any) -> Any:
        """Return the value and the pullback."""
        slope = each(lambda a: self.slope(a, **kwargs), x)
        return each(lambda a: self.value(a, **kwargs), x), lambda dz: (dz * slope,)


def operation(value: Callable[..., Any], slopes: Callable[..., Any]) -> Form:
    """Return the form of an operation on two arrays that broadcast, from its value and its two slopes."""

    def form(x: Any, y: Any) -> Any:
        # each entry of z is made of one of x and one of y, looked up by their numbers
        i, j = np.broadcast_arrays(*(np.arange(np.size(a)).reshape(np.shape(a)) for a in (x, y)))
        pairs = [(x.flat[m], y.flat[n]) for m, n in zip(i.flat, j.flat)]

        def backward(dz: Any) -> tuple[Any, ...]:
            dx, dy = zeros(x.shape), zeros(y.shape)
            for m, n, pair, d in zip(i.flat, j.flat, pairs, dz.flat):
                slope_x, slope_y = slopes(*pair)
                dx.flat[m] += d * slope_x
                dy.flat[n] += d * slope_y
            return dx, dy

        return np.array([value(*pair) for pair in pairs], object).reshape(i.shape), backward

    return form


def rearrangement(f: Callable[..., Any]) -> Form:
    """Return the form of what only moves entries: applied to their numbers, f says where each came from."""

    def form(*args: Any, **kwargs: Any) -> Any:
        starts = np.cumsum([0, *(a.size for a in args)])
        entries = np.concatenate([a.ravel() for a in args])
        places = [start + np.arange(a.size).reshape(a.shape) for start, a in zip(starts, args)]
        came_from = np.asarray(f(*places, **kwargs))

        def backward(dz: Any) -> tuple[Any, ...]:
            back = zeros(entries.shape)
            for place, d in zip(came_from.flat, dz.flat):
                back[place] += d
            return tuple(b.reshape(a.shape) for b, a in zip(np.split(back, starts[1:-1]), args))

        return np.asarray(entries[came_from], object), backward

    return form


def reduction(reduce: Callable[..., tuple[Any, list[Any]]]) -> Form:
    """Return the form of a reduction from that of a list: its value, and the slope of each entry."""

    def form(x: Any, *, axis: Any = None, keepdims: bool = False, **kwargs: Any) -> Any:
        ones = np.ones(x.shape)
        kept = np.sum(ones, axis=axis, keepdims=True).shape
        group = np.broadcast_to(np.arange(np.prod(kept, dtype=int)).reshape(kept), x.shape)
        z, slopes = zeros(kept), zeros(x.shape)
        for g in range(z.size):
            z.flat[g], slopes[group == g] = reduce(list(x[group == g]), **kwargs)
        z = z.reshape(np.sum(ones, axis=axis, keepdims=keepdims).shape)
        return z, lambda dz: (slopes * dz.ravel()[group],)

    return form
