"""The rules: one operation each, its value and, under it, its pullback.

A rule is by hand what ``jax.vjp`` gives: ``value, backward = rule(x, ...)``, then ``(dx, ...) = backward(dvalue)``.
Positional arguments are differentiated, keyword-only arguments are not.
"""

from handgrad.rules.activations import (
    ACTIVATIONS,
    elu,
    gelu,
    hard_tanh,
    identity,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
)
from handgrad.rules.affine import affine
from handgrad.rules.losses import softmax_cross_entropy
from handgrad.rules.penalties import l2
from handgrad.rules.rule import Pullback, Rule

__all__ = [
    "ACTIVATIONS",
    "RULES",
    "Pullback",
    "Rule",
    "affine",
    "elu",
    "gelu",
    "hard_tanh",
    "identity",
    "l2",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "tanh",
]

#: Every rule by name: what the property tests, the oracle and the documentation go through.
RULES: dict[str, Rule] = {
    "affine": affine,
    **ACTIVATIONS,
    "softmax_cross_entropy": softmax_cross_entropy,
    "l2": l2,
}
