"""Backpropagation derived by hand, in NumPy, and proved against jax.grad."""

from handgrad import datasets, graph, rules
from handgrad.frameworks import as_autograd_function, as_custom_vjp
from handgrad.networks import NETWORKS, init_params
from handgrad.networks.perceptrons import mlp, softmax_classifier, three_layer, two_layer
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
from handgrad.training.accumulation import accumulate
from handgrad.training.checkpoints import load_params, save_params
from handgrad.training.classifiers import TwoLayerNet
from handgrad.training.fit import TrainingDiverged, fit
from handgrad.training.optimizers import adagrad, adam, adamw, exponential_decay, rmsprop, sgd
from handgrad.validation import NonFiniteError

__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "RULES",
    "NonFiniteError",
    "TrainingDiverged",
    "TwoLayerNet",
    "accumulate",
    "adagrad",
    "adam",
    "adamw",
    "affine",
    "as_autograd_function",
    "as_custom_vjp",
    "datasets",
    "elu",
    "exponential_decay",
    "fit",
    "gelu",
    "graph",
    "hard_tanh",
    "identity",
    "init_params",
    "l2",
    "leaky_relu",
    "load_params",
    "log_sigmoid",
    "mish",
    "mlp",
    "relu",
    "rmsprop",
    "rules",
    "save_params",
    "selu",
    "sgd",
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
