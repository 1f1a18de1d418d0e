"""The reference of each network, found by the network's name: every module in this folder is scanned."""

import importlib
import pkgutil
from types import ModuleType

__all__ = ["NETWORKS"]

#: Every reference by the name of its network.
NETWORKS: dict[str, ModuleType] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
}
