"""The multilayer perceptron of any depth."""

from collections.abc import Sequence
from typing import Annotated, Any

import jax.numpy as jnp
from jax import Array

from oracle.reference.annotations import Choices, spec
from oracle.reference.rules import activations
from oracle.reference.rules.affine import affine
from oracle.reference.rules.losses import softmax_cross_entropy
from oracle.reference.rules.penalties import STRENGTHS, l2

__all__ = ["loss", "scores"]

#: The hidden activations that are drawn: every activation, every depth from one affine map to four.
HIDDEN = Choices(
    (),
    ("tanh", "silu"),
    ("gelu",),
    ("selu", "relu", "softplus"),
    ("sigmoid", "leaky_relu"),
    ("mish", "softsign", "elu"),
    ("hard_tanh", "log_sigmoid"),
    ("identity", "relu"),
)


def parameters(activation: Sequence[str]) -> dict[str, Any]:
    """Return the dimensions of each parameter; the bias of a padded class is −∞, and so is its score."""
    widths = ["D", *(f"H{i}" for i in range(1, len(activation) + 1)), "C"]
    dims: dict[str, Any] = {}
    for i, (n, m) in enumerate(zip(widths[:-1], widths[1:]), start=1):
        dims |= {f"W{i}": f"{n} {m}", f"b{i}": spec(m, {"C": -jnp.inf})}
    return dims


def scores(params: dict[str, Array], X: Array, *, activation: Sequence[str]) -> Array:
    """Return the scores of each example, with one activation for each hidden layer."""
    h = X
    for i, name in enumerate(activation, start=1):
        h = getattr(activations, name)(affine(h, params[f"W{i}"], params[f"b{i}"]))
    last = len(activation) + 1
    return affine(h, params[f"W{last}"], params[f"b{last}"])


def loss(
    params: Annotated[dict[str, Array], parameters],
    X: Annotated[Array, "N D"],
    y: Annotated[Array, "N", "below C"],
    reg: Annotated[float, STRENGTHS] = 0.0,
    *,
    activation: Annotated[Sequence[str], HIDDEN],
    where: Array | None = None,
) -> Annotated[Array, ""]:
    """Return the mean cross-entropy plus ½ reg times the sum of the squared weights."""
    J = softmax_cross_entropy(scores(params, X, activation=activation), labels=y, where=where)
    for i in range(1, len(activation) + 2):
        J = J + l2(params[f"W{i}"], reg=reg)
    return J
