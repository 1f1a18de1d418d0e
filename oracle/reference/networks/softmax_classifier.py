"""The linear softmax classifier."""

import jax.numpy as jnp
from jax import Array

from oracle.reference.rules.losses import softmax_cross_entropy

__all__ = ["loss", "scores"]


def scores(params: dict[str, Array], X: Array) -> Array:
    """Return the scores of each example."""
    return X @ params["W1"] + params["b1"]


def loss(params: dict[str, Array], X: Array, y: Array, reg: float = 0.0, *, where: Array | None = None) -> Array:
    """Return the mean cross-entropy plus ½ reg times the sum of the squared weights."""
    penalty = jnp.sum(params["W1"] ** 2)
    return softmax_cross_entropy(scores(params, X), labels=y, where=where) + 0.5 * reg * penalty
