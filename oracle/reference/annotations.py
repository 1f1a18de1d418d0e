"""What the annotations of a rule's twin say: which problems can be made up for it.

A positional argument is annotated with its dimensions, ``Annotated[Array, "N D"]``, or with several choices of them,
``"N H | H | 1 H | "``, where a number is itself and nothing is a scalar; a dict says what a dimension is padded with,
and a word names the domain that the entries lie in. A keyword is annotated with :class:`Among`, the values that it
takes; with dimensions and the word "booleans", for an array of them; or with "sizes", for the dimensions themselves.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Among", "Operand", "arguments_of", "dimensions_of", "keywords_of", "operands_of"]

Dimensions = tuple[str, ...]


class Among:
    """The values that a keyword is given in problems."""

    def __init__(self, *values: Any) -> None:
        self.values = values


@dataclass(frozen=True)
class Operand:
    """An argument, or an array or shape that a keyword is given."""

    #: The dimensions that it may have: one or more choices.
    shapes: tuple[Dimensions, ...]
    #: Where its entries lie, or what it holds; anywhere, if nothing is said.
    domain: str = ""
    #: What a dimension is padded with, where that is not zero.
    fill: dict[str, float] = field(default_factory=dict)


@functools.cache
def operands_of(twin: Callable[..., Any]) -> dict[str, Operand]:
    """Return each positional argument of a rule's twin, ``"*name"`` if there are as many as one likes."""
    return {
        ("*" if p.kind is p.VAR_POSITIONAL else "") + name: _operand(_metadata(twin)[name])
        for name, p in inspect.signature(twin).parameters.items()
        if p.kind is not p.KEYWORD_ONLY
    }


@functools.cache
def keywords_of(twin: Callable[..., Any]) -> dict[str, Among | Operand]:
    """Return what each annotated keyword of a rule's twin is given."""
    return {
        name: metadata[0] if isinstance(metadata[0], Among) else _operand(metadata)
        for name, metadata in _metadata(twin).items()
        if name != "return" and inspect.signature(twin).parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    }


@functools.cache
def dimensions_of(twin: Callable[..., Any]) -> dict[str, Dimensions]:
    """Return the first choice of dimensions of each argument, and those of the value as ``"return"`` if they are said.

    Only a rule whose value has dimensions of its own can be padded.
    """
    value = {"return": _operand(_metadata(twin)["return"])} if "return" in _metadata(twin) else {}
    return {name.lstrip("*"): operand.shapes[0] for name, operand in {**operands_of(twin), **value}.items()}


def arguments_of(twin: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the ``count`` positional arguments of a rule's twin: those that are differentiated."""
    names: list[str] = []
    for name in operands_of(twin):
        names += [name] if name[0] != "*" else [f"{name[1:]}{i}" for i in range(count - len(names))]
    return names


@functools.cache
def _metadata(twin: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    hints = typing.get_type_hints(twin, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def _operand(metadata: tuple[Any, ...]) -> Operand:
    dimensions, *more = metadata
    shapes = tuple(tuple(choice.split()) for choice in dimensions.split("|"))
    domain = next((m for m in more if isinstance(m, str)), "")
    return Operand(shapes, domain, next((m for m in more if isinstance(m, dict)), {}))
