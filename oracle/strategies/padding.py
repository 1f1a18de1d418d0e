"""Pads every problem to one of two shapes: ``jax.jit`` compiles for tenths of a second for each new one.

Padding does not change the results: a padded row has weight 0, a padded class the score −∞, and zeros elsewhere add
nothing. The padding is cut off the results.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.reference.annotations import ArraySpec

__all__ = ["pad", "padded_size", "unpad"]

#: All dimensions of a problem are padded to the first that holds the largest, or to a power of two beyond.
SIZES = (8, 40)


def padded_size(arrays: Sequence[NDArray[Any]]) -> int:
    """Return the size that each dimension of a problem's arrays is padded to."""
    largest = max((n for a in arrays for n in a.shape), default=1)
    return next((size for size in SIZES if largest <= size), 1 << (largest - 1).bit_length())


def pad(a: NDArray[Any], size: int, spec: ArraySpec | None = None) -> NDArray[Any]:
    """Return an array with each dimension padded to ``size``, with zeros or as its specification says."""
    padded = np.zeros([size] * a.ndim, a.dtype)
    real = tuple(slice(n) for n in a.shape)
    padded[real] = a
    for axis, d in enumerate(spec.shapes[0] if spec else ()):
        if spec and d in spec.fill:  # in the real rows only: a padded row stays finite
            padded[*real[:axis], slice(a.shape[axis], None), *real[axis + 1 :]] = spec.fill[d]
    return padded


def unpad(padded: Any, like: NDArray[Any]) -> NDArray[Any]:
    """Return the part of ``padded`` that has the shape of ``like``; leading axes are kept."""
    real: Any = (..., *(slice(n) for n in np.shape(like)))
    return np.asarray(np.asarray(padded)[real])
