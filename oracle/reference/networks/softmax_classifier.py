"""The linear softmax classifier."""

from typing import Annotated

import jax.numpy as jnp
from jax import Array

from oracle.reference.annotations import spec
from oracle.reference.rules.affine import affine
from oracle.reference.rules.losses import softmax_cross_entropy
from oracle.reference.rules.penalties import STRENGTHS, l2

__all__ = ["loss", "scores"]

#: Dimensions; the bias of a padded class is −∞, and so is its score.
PARAMS = {"W1": "D C", "b1": spec("C", {"C": -jnp.inf})}


def scores(params: dict[str, Array], X: Array) -> Array:
    """Return the scores of each example."""
    return affine(X, params["W1"], params["b1"])


def loss(
    params: Annotated[dict[str, Array], PARAMS],
    X: Annotated[Array, "N D"],
    y: Annotated[Array, "N", "below C"],
    reg: Annotated[float, STRENGTHS] = 0.0,
    *,
    where: Array | None = None,
) -> Annotated[Array, ""]:
    """Return the mean cross-entropy plus ½ reg times the sum of the squared weights."""
    L = softmax_cross_entropy(scores(params, X), labels=y, where=where)
    return L + l2(params["W1"], reg=reg)
