"""Entries moved, repeated, picked or put side by side."""

from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array

from oracle.reference.annotations import Among

__all__ = ["broadcast_to", "concatenate", "getitem", "reshape", "scatter", "transpose"]

Shape: TypeAlias = tuple[int, ...]
_FIRST_TWICE = np.array([0, 0, -1])


def reshape(x: Annotated[Array, "N H | B N H"], *, shape: Annotated[Shape | int, Among(-1, (-1, 1), (1, -1))]) -> Array:
    """Return x in another shape."""
    return jnp.reshape(x, shape)


def transpose(
    x: Annotated[Array, "B N H"], *, axes: Annotated[Shape | None, Among(None, (2, 0, 1), (0, -1, 1), (0, 1, 2))] = None
) -> Array:
    """Return x with its axes in another order."""
    return jnp.transpose(x, axes)


def broadcast_to(
    x: Annotated[Array, "N H | H | 1 H | N 1 |"], *, shape: Annotated[Shape, "N H | B N H", "sizes"]
) -> Array:
    """Return x repeated to a shape."""
    return jnp.broadcast_to(x, shape)


def concatenate(*arrays: Annotated[Array, "N H | M H"], axis: Annotated[int, Among(0, -2)] = 0) -> Array:
    """Return the arrays side by side."""
    return jnp.concatenate(arrays, axis=axis)


def getitem(
    x: Annotated[Array, "N H"],
    *,
    index: Annotated[
        Any,
        Among(
            0,
            (slice(None), -1),
            slice(None, None, -2),
            (slice(1, None), None),
            (..., slice(0, 1)),
            _FIRST_TWICE,
            (_FIRST_TWICE, np.array([0, 0, 0])),
        ),
    ],
) -> Array:
    """Return x[index]."""
    return x[index]


def scatter(
    x: Annotated[Array, "3 H"], *, index: Annotated[Any, Among(_FIRST_TWICE)], shape: Annotated[Shape, "N H", "sizes"]
) -> Array:
    """Return zeros with x added at an index."""
    return jnp.zeros(shape, x.dtype).at[index].add(x)
