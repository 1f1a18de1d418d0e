"""The types that every rule has."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from handgrad.arrays.namespace import Array

__all__ = ["Pullback", "Rule"]


class Pullback(Protocol):
    """What a rule returns beside its value: the cotangent of the value in, one cotangent an argument out."""

    def __call__(self, cotangent: Array, /) -> tuple[Array, ...]:
        """Return a tuple with one entry for each positional argument, each of its shape and dtype."""


#: ``value, backward = rule(*differentiated, **not_differentiated)``, and ``cotangents = backward(cotangent)``.
Rule: TypeAlias = Callable[..., tuple[Array, Callable[..., tuple[Any, ...]]]]
