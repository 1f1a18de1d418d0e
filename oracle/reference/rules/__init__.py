"""A twin for each rule, found by the rule's name."""

from collections.abc import Callable
from typing import Any

from oracle.reference.rules import activations, affine, arithmetic, losses, matmul, penalties, reductions, shaping

__all__ = ["RULES"]

#: Every twin by the name of its rule.
RULES: dict[str, Callable[..., Any]] = {
    name: getattr(family, name)
    for family in (affine, activations, losses, penalties, arithmetic, matmul, reductions, shaping)
    for name in family.__all__
}
