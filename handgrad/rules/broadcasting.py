"""What operations on two arrays have in common: their shapes must broadcast, and a pullback undoes it."""

from typing import Any

from handgrad.arrays.namespace import Array, namespace

__all__ = ["BOTH", "Cotangents", "operands", "require_broadcast", "unbroadcast"]

Cotangents = tuple[Array | None, ...]

#: Which cotangents a pullback of two computes unless it is told: both.
BOTH = (True, True)


def operands(name: str, x: Array, y: Array) -> Any:
    """Return the array library of x and y; raise unless they have one dtype and shapes that broadcast."""
    xp = namespace(x, y)
    if x.dtype != y.dtype:
        raise TypeError(f"{name} expected one dtype, given x {x.dtype}, y {y.dtype}")
    require_broadcast(name, x.shape, y.shape)
    return xp


def require_broadcast(name: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    """Raise unless two shapes broadcast, naming both and the operation."""
    if first != second and any(m != n and 1 not in (m, n) for m, n in zip(first[::-1], second[::-1])):
        raise ValueError(f"{name} expected shapes that broadcast, given {tuple(first)} and {tuple(second)}")


def unbroadcast(dz: Array, x: Array, copy: bool = False) -> Array:
    """Return dz summed over the axes along which x was repeated; where there are none itself, or a copy."""
    if dz.shape == x.shape:
        return namespace(dz).asarray(dz, copy=True) if copy else dz
    new = dz.ndim - x.ndim  # axes that x does not have
    repeated = (i + new for i, n in enumerate(x.shape) if n == 1 != dz.shape[i + new])
    xp = namespace(dz)
    dx = xp.sum(dz, axis=(*range(new), *repeated))
    return dx if dx.shape == x.shape else xp.reshape(dx, x.shape)
