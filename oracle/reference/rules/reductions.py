"""Reductions along axes."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from oracle.reference.annotations import Among

__all__ = ["logsumexp", "max", "mean", "sum", "var"]

Operand: TypeAlias = Annotated[Array, "N H | B N H"]
Axis: TypeAlias = Annotated[int | tuple[int, ...] | None, Among(None, 0, 1, -1, (0, 1), (-1, 0), ())]
Keep: TypeAlias = Annotated[bool, Among(False, True)]


def sum(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return Σ x."""
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def mean(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return 1/n Σ x."""
    return jnp.mean(x, axis=axis, keepdims=keepdims)


def max(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return the largest x."""
    return jnp.max(x, axis=axis, keepdims=keepdims)


def logsumexp(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return log Σ eˣ."""
    return jax.scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


def var(
    x: Operand, *, axis: Axis = None, keepdims: Keep = False, correction: Annotated[float, Among(0.0, 0.5)] = 0.0
) -> Array:
    """Return Σ (x − x̄)² / (n − correction)."""
    return jnp.var(x, axis=axis, keepdims=keepdims, correction=correction)
