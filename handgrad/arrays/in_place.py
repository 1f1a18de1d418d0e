"""Operations whose result takes the place of an argument, where that array's library can: in NumPy, not in JAX.

Only for arrays that nobody else holds, and always with the result assigned: ``h = in_place.maximum(z, 0)``. A new large
array costs more than what is computed into it, as the system hands its memory out page by page.
"""

import numpy as np

from handgrad.arrays.namespace import FEW, Array, all_bits, namespace

__all__ = ["axpy", "maximum", "where"]

#: So many entries of a product stay in a core's own cache.
_BLOCK = 32768


def maximum(x: Array, y: float) -> Array:
    """Return max(x, y), entry by entry."""
    return np.maximum(x, y, out=x) if isinstance(x, np.ndarray) else namespace(x).maximum(x, y)


def where(condition: Array, x: Array) -> Array:
    """Return x where the condition holds, else 0."""
    if not isinstance(x, np.ndarray):
        return namespace(x).where(condition, x, 0)
    if x.size < FEW:
        np.copyto(x, 0, where=~condition)
        return x
    bits = all_bits(condition, x.dtype)
    np.bitwise_and(x.view(bits.dtype), bits, out=x.view(bits.dtype))  # an infinity times 0 would be no 0
    return x


def axpy(x: Array, a: float, y: Array) -> Array:
    """Return x + a y for matrices x and y, a few rows at a time: the product is never there as a whole."""
    if not isinstance(x, np.ndarray):
        return x + a * y
    if x.size <= _BLOCK:
        x += a * y
        return x
    rows = max(1, _BLOCK // x.shape[1])
    for i in range(0, len(x), rows):
        x[i : i + rows] += a * y[i : i + rows]
    return x
