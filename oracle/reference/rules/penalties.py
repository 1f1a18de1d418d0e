"""Penalties on the size of the weights."""

from typing import Annotated

import jax.numpy as jnp
from jax import Array

__all__ = ["l2"]


def l2(W: Annotated[Array, "D H"], *, reg: float) -> Annotated[Array, ""]:
    """Return ½ reg Σ W²."""
    return 0.5 * reg * jnp.sum(W**2)
