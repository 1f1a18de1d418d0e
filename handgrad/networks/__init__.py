"""Whole classifiers, each with scores, loss, loss_and_grad and predict as functions of a dict of parameters.

Each folder is a family of networks, and a module in it that defines ``loss_and_grad`` is a network: a new network is
one new file.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from handgrad.networks.initialization import init_params

if TYPE_CHECKING:
    from handgrad.networks.perceptrons import mlp, softmax_classifier, three_layer, two_layer


def _find_networks() -> Iterator[tuple[str, ModuleType]]:
    """Yield the name and module of each network, the families and their networks in alphabetical order."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        _, _, name = module.name.rpartition(".")
        if "loss_and_grad" in vars(importlib.import_module(module.name)).get("__all__", ()):
            yield name, importlib.import_module(module.name)


_found = dict(_find_networks())
_first = ["softmax_classifier", "two_layer", "three_layer", "mlp"]

#: Every network by name, as RULES is for the rules.
NETWORKS: dict[str, ModuleType] = {name: _found[name] for name in dict.fromkeys([*_first, *_found])}

globals().update(NETWORKS)

__all__ = ["NETWORKS", "init_params", "mlp", "softmax_classifier", "three_layer", "two_layer"]
