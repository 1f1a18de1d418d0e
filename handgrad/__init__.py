"""Hand-derived backpropagation in NumPy, verified against jax.grad."""

import importlib
from typing import TYPE_CHECKING, Any

from handgrad import rules
from handgrad.validation import NonFiniteError

# fmt: off
# isort: off
from handgrad.rules import (
    ACTIVATIONS, RULES, affine, elu, gelu, hard_tanh, identity, l2, leaky_relu, log_sigmoid, mish, relu, selu, sigmoid,
    silu, softmax_cross_entropy, softplus, softsign, tanh,
)
# isort: on
# fmt: on

if TYPE_CHECKING:
    from handgrad import datasets, graph
    from handgrad.frameworks import as_autograd_function, as_custom_vjp
    from handgrad.networks import NETWORKS, init_params
    from handgrad.networks.perceptrons import mlp, softmax_classifier, three_layer, two_layer
    from handgrad.training.accumulation import accumulate
    from handgrad.training.checkpoints import load_params, save_params
    from handgrad.training.classifiers import TwoLayerNet
    from handgrad.training.fit import TrainingDiverged, fit
    from handgrad.training.optimizers import adagrad, adam, adamw, exponential_decay, rmsprop, sgd

# fmt: off
__all__ = [
    "ACTIVATIONS", "NETWORKS", "RULES", "NonFiniteError", "TrainingDiverged", "TwoLayerNet", "accumulate", "adagrad",
    "adam", "adamw", "affine", "as_autograd_function", "as_custom_vjp", "datasets", "elu", "exponential_decay", "fit",
    "gelu", "graph", "hard_tanh", "identity", "init_params", "l2", "leaky_relu", "load_params", "log_sigmoid", "mish",
    "mlp", "relu", "rmsprop", "rules", "save_params", "selu", "sgd", "sigmoid", "silu", "softmax_classifier",
    "softmax_cross_entropy", "softplus", "softsign", "tanh", "three_layer", "two_layer",
]
# fmt: on

#: Modules that load on first use, by the name under which they are found here.
_LAZY_MODULES = {
    **{name: name for name in ("datasets", "files", "frameworks", "graph", "networks", "training")},
    **{name: f"networks.perceptrons.{name}" for name in ("mlp", "softmax_classifier", "three_layer", "two_layer")},
}

#: Modules that load on first use of one of these names in them.
_LAZY_NAMES = {
    "frameworks": ("as_autograd_function", "as_custom_vjp"),
    "networks": ("NETWORKS", "init_params"),
    "training.accumulation": ("accumulate",),
    "training.checkpoints": ("load_params", "save_params"),
    "training.classifiers": ("TwoLayerNet",),
    "training.fit": ("TrainingDiverged", "fit"),
    "training.optimizers": ("adagrad", "adam", "adamw", "exponential_decay", "rmsprop", "sgd"),
}
_MODULE_OF = {name: module for module, names in _LAZY_NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a name on first use."""
    if name in _LAZY_MODULES:
        found = importlib.import_module(f"{__name__}.{_LAZY_MODULES[name]}")
    elif name in _MODULE_OF:
        found = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found  # the next look-up finds it
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_MODULES, *_MODULE_OF})
