"""The matrix product."""

from typing import Annotated

import jax.numpy as jnp
from jax import Array

__all__ = ["matmul"]


def matmul(
    x: Annotated[Array, "N D | B N D | 1 N D | A B N D | D"], y: Annotated[Array, "D H | B D H | 1 D H | D"]
) -> Array:
    """Return x y."""
    return jnp.matmul(x, y)
