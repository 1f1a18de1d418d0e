"""Backpropagation derived by hand, in NumPy, and proved against jax.grad."""

from handgrad import datasets
from handgrad.classifiers import TwoLayerNet
from handgrad.networks import NETWORKS, init_params, mlp, softmax_classifier, three_layer, two_layer
from handgrad.rules import (
    ACTIVATIONS,
    RULES,
    affine,
    elu,
    gelu,
    hard_tanh,
    identity,
    l2,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softmax_cross_entropy,
    softplus,
    softsign,
    tanh,
)
from handgrad.validation import NonFiniteError

__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "RULES",
    "NonFiniteError",
    "TwoLayerNet",
    "affine",
    "datasets",
    "elu",
    "gelu",
    "hard_tanh",
    "identity",
    "init_params",
    "l2",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "mlp",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax_classifier",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "tanh",
    "three_layer",
    "two_layer",
]
