"""The multilayer perceptron of any depth."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from oracle.reference.rules import activations
from oracle.reference.rules.losses import softmax_cross_entropy

__all__ = ["loss", "scores"]


def scores(params: dict[str, Array], X: Array, *, activation: Sequence[str]) -> Array:
    """Return the scores of each example, with one activation for each hidden layer."""
    h = X
    for i, name in enumerate(activation, start=1):
        h = getattr(activations, name)(h @ params[f"W{i}"] + params[f"b{i}"])
    last = len(activation) + 1
    return h @ params[f"W{last}"] + params[f"b{last}"]


def loss(
    params: dict[str, Array],
    X: Array,
    y: Array,
    reg: float = 0.0,
    *,
    activation: Sequence[str],
    where: Array | None = None,
) -> Array:
    """Return the mean cross-entropy plus ½ reg times the sum of the squared weights."""
    penalty = sum(jnp.sum(W**2) for name, W in params.items() if name.startswith("W"))
    cross_entropy = softmax_cross_entropy(scores(params, X, activation=activation), labels=y, where=where)
    return cross_entropy + 0.5 * reg * penalty
