"""Losses over scores and labels."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["softmax_cross_entropy"]


def softmax_cross_entropy(
    scores: Annotated[Array, "N C", {"C": -jnp.inf}], *, labels: Array, where: Array | None = None
) -> Annotated[Array, ""]:
    """Return the mean over the rows of −log softmax(s)[y]."""
    log_p = jax.nn.log_softmax(scores, axis=1)
    return jnp.mean(-jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0], where=where)
