"""Entries moved, repeated, picked or put side by side."""

from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array

from oracle.reference.annotations import Choices
from oracle.reference.exact_forms import rearrangement, zeros
from oracle.reference.recording import exact_form

__all__ = ["broadcast_to", "concatenate", "getitem", "reshape", "scatter", "transpose"]

Shape: TypeAlias = tuple[int, ...]
Axes: TypeAlias = Annotated[Shape | None, Choices(None, (2, 0, 1), (0, -1, 1), (0, 1, 2))]
_FIRST_TWICE = np.array([0, 0, -1])


def _scatter(x: Any, *, index: Any, shape: Any) -> Any:
    z, places = zeros(shape), np.arange(int(np.prod(shape))).reshape(shape)[index]
    for place, entry in zip(places.flat, x.flat):
        z.flat[place] += entry
    return z, lambda dz: (dz.ravel()[places],)


@exact_form(rearrangement(np.reshape))
def reshape(x: Annotated[Array, "N H | B N H"], *, shape: Annotated[Any, Choices(-1, (-1, 1), (1, -1))]) -> Array:
    """Return x in another shape."""
    return jnp.reshape(x, shape)


@exact_form(rearrangement(np.transpose))
def transpose(
    x: Annotated[Array, "B N H"],
    *,
    axes: Axes = None,
) -> Array:
    """Return x with its axes in another order."""
    return jnp.transpose(x, axes)


@exact_form(rearrangement(np.broadcast_to))
def broadcast_to(
    x: Annotated[Array, "N H | H | 1 H | N 1 |"], *, shape: Annotated[Shape, "N H | B N H", "sizes"]
) -> Array:
    """Return x repeated to a shape."""
    return jnp.broadcast_to(x, shape)


@exact_form(rearrangement(lambda *arrays, axis=0: np.concatenate(arrays, axis)))
def concatenate(*arrays: Annotated[Array, "N H | M H"], axis: Annotated[int, Choices(0, -2)] = 0) -> Array:
    """Return the arrays side by side."""
    return jnp.concatenate(arrays, axis=axis)


@exact_form(rearrangement(lambda x, *, index: x[index]))
def getitem(
    x: Annotated[Array, "N H"],
    *,
    index: Annotated[
        Any,
        Choices(
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


@exact_form(_scatter)
def scatter(
    x: Annotated[Array, "3 H"], *, index: Annotated[Any, Choices(_FIRST_TWICE)], shape: Annotated[Shape, "N H", "sizes"]
) -> Array:
    """Return zeros with x added at an index."""
    return jnp.zeros(shape, x.dtype).at[index].add(x)
