"""The parts that operations on two arrays share: their shapes must broadcast, and a pullback undoes it."""

from collections.abc import Callable
from typing import Any, TypeVar

from handgrad.arrays.namespace import Array, namespace
from handgrad.rules.rule import Rule, formula

__all__ = ["broadcasting", "check_broadcast", "check_operands", "unbroadcast"]

_F = TypeVar("_F", bound=Rule)

_SECTIONS = """
Each cotangent is summed over the axes along which its argument was repeated.

Parameters
----------
x, y : arrays of shapes that broadcast, both float32 or both float64

Returns
-------
z : array of the shape to which they broadcast
backward : callable
    ``dx, dy = backward(dz)``, each like its argument; ``backward(dz, needs=(True, False))`` returns None for dy.

Raises
------
TypeError
    If x and y are not real floating arrays of one library and one dtype.
ValueError
    If their shapes do not broadcast.
"""


def broadcasting(text: str) -> Callable[[_F], _F]:
    """Return the :func:`~handgrad.rules.rule.formula` of a rule z = f(x, y) whose arguments broadcast."""
    return formula(text, sections=_SECTIONS)


def check_operands(name: str, x: Array, y: Array) -> Any:
    """Return the array library of x and y; raise unless they have one dtype and shapes that broadcast."""
    xp = namespace(x, y)
    if x.dtype != y.dtype:
        raise TypeError(f"{name}: x and y must have one dtype, got x {x.dtype}, y {y.dtype}")
    check_broadcast(name, x.shape, y.shape)
    return xp


def check_broadcast(name: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    """Raise unless two shapes broadcast, naming both and the operation."""
    if first != second and any(m != n and 1 not in (m, n) for m, n in zip(first[::-1], second[::-1])):
        raise ValueError(f"{name}: shapes must broadcast, got {tuple(first)} and {tuple(second)}")


def unbroadcast(dz: Array, x: Array, copy: bool = False) -> Array:
    """Return dz summed over the axes along which x was repeated; if there are none, dz itself or a copy."""
    if dz.shape == x.shape:
        return namespace(dz).asarray(dz, copy=True) if copy else dz
    new = dz.ndim - x.ndim  # axes that x does not have
    repeated = (i + new for i, n in enumerate(x.shape) if n == 1 != dz.shape[i + new])
    xp = namespace(dz)
    dx = xp.sum(dz, axis=(*range(new), *repeated))
    return dx if dx.shape == x.shape else xp.reshape(dx, x.shape)
