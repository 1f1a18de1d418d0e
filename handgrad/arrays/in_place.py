"""Operations that overwrite an argument where its library can: in NumPy, not in JAX.

Use them only on arrays that nobody else holds, and always assign the result: ``h = in_place.maximum(z, 0)``. Allocating
a large array costs more than computing its entries, as the system maps its memory page by page.
"""

import numpy as np

from handgrad.arrays.namespace import SMALL_ARRAY, Array, all_bits, namespace

__all__ = ["axpy", "maximum", "where"]

#: Entries of a product that fit into a core's own cache.
_BLOCK_SIZE = 32768


def maximum(x: Array, y: float) -> Array:
    """Return max(x, y), entry by entry."""
    return np.maximum(x, y, out=x) if isinstance(x, np.ndarray) else namespace(x).maximum(x, y)


def where(condition: Array, x: Array) -> Array:
    """Return x where the condition holds, else 0."""
    if not isinstance(x, np.ndarray):
        return namespace(x).where(condition, x, 0)
    if x.size < SMALL_ARRAY:
        np.copyto(x, 0, where=~condition)
        return x
    bits = all_bits(condition, x.dtype)
    np.bitwise_and(x.view(bits.dtype), bits, out=x.view(bits.dtype))  # an infinity times 0 would be NaN
    return x


def axpy(x: Array, a: float, y: Array) -> Array:
    """Return x + a y for matrices x and y, a few rows at a time: the whole product is never stored."""
    if not isinstance(x, np.ndarray):
        return x + a * y
    if x.size <= _BLOCK_SIZE:
        x += a * y
        return x
    rows = max(1, _BLOCK_SIZE // x.shape[1])
    for i in range(0, len(x), rows):
        x[i : i + rows] += a * y[i : i + rows]
    return x
