"""The reference of each rule, found by the rule's name: every family in this folder is scanned."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

__all__ = ["RULES"]

_FAMILIES = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]

#: Every reference by the name of its rule.
RULES: dict[str, Callable[..., Any]] = {name: getattr(family, name) for family in _FAMILIES for name in family.__all__}
