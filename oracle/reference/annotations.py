"""Read the annotations of references: which problems can be drawn for a rule or a network.

An array is annotated with its dimensions, ``Annotated[Array, "N D"]``, or with several choices of them,
``"N H | H | 1 H | "``, where a number is itself and nothing is a scalar. A word behind the dimensions names the domain
of its entries (``DOMAINS``), and a dict gives the value that pads a dimension. A network annotates its parameters with
a pytree of such specifications, ``{"W1": "D H", "b1": "H"}``, or with a function of the keywords that returns one.

A keyword, and every argument that is not differentiated, is annotated with :class:`Choices`, the values that it takes;
with dimensions and "booleans" or "below C" for an array of booleans or of integers below the dimension C; with
dimensions alone for floats; or with "sizes" for the dimensions themselves. An argument without an annotation is an
error, except ``where``, the mask of the rows that count, which a reference takes that averages over rows.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracle.reference.tree import tree_map

__all__ = [
    "DOMAINS",
    "ArraySpec",
    "Choices",
    "argument_names",
    "array_specs",
    "data_specs",
    "keyword_specs",
    "param_specs",
    "spec",
    "value_dims",
]

Dims = tuple[str, ...]

#: Maps entries into the domain of a function, and where float32 can represent its value and slope.
DOMAINS: dict[str, Callable[[Any], Any]] = {
    "": lambda a: a,
    "nonzero": lambda a: np.where(a == 0, 1, a),
    "positive": lambda a: np.where(a == 0, 1, np.abs(a)),
    "above -1": lambda a: np.where(a > -1, a, -a),
    "exponents": lambda a: np.clip(a, -80, 80),
    "bases": lambda a: np.clip(np.abs(a), 1e-3, 1e4),
    "powers": lambda a: np.clip(a, -8, 8),
}


class Choices:
    """The values that a keyword takes in problems."""

    def __init__(self, *values: Any) -> None:
        self.values = values


@dataclass(frozen=True)
class ArraySpec:
    """The dimensions, domain and padding of an array."""

    #: One or more choices of dimensions.
    shapes: tuple[Dims, ...]
    #: The domain of the entries, or the kind of array: "booleans", "below C", "sizes".
    domain: str = ""
    #: The values that pad dimensions, where these are not zero.
    fill: dict[str, float] = field(default_factory=dict)

    @property
    def bound(self) -> str:
        """The dimension that integers lie below; "" for other arrays."""
        return self.domain.removeprefix("below ") if self.domain.startswith("below ") else ""

    @property
    def dims(self) -> set[str]:
        """The names of all dimensions that have to be drawn; a number is no name."""
        return {d for dims in (*self.shapes, (self.bound,)) for d in dims if d and not d.isdigit()}

    def shape(self, sizes: Mapping[str, int], choice: int = 0) -> tuple[int, ...]:
        """Return the shape that one choice of dimensions has, given the size of each."""
        return tuple(int(d) if d.isdigit() else sizes[d] for d in self.shapes[choice])


def spec(dims: "str | ArraySpec", *more: Any) -> ArraySpec:
    """Return the specification that dimensions, a domain and a dict of padding make."""
    if isinstance(dims, ArraySpec):
        return dims
    domain = next((m for m in more if isinstance(m, str)), "")
    if domain not in DOMAINS and domain not in ("booleans", "sizes") and not domain.startswith("below "):
        raise ValueError(f"domain must be one of {', '.join(DOMAINS)}, booleans, sizes or below C, got {domain!r}")
    shapes = tuple(tuple(choice.split()) for choice in dims.split("|"))
    return ArraySpec(shapes, domain, next((m for m in more if isinstance(m, dict)), {}))


@functools.cache
def array_specs(reference: Callable[..., Any]) -> dict[str, ArraySpec]:
    """Return the specification of each positional array of a rule, ``"*name"`` if there may be several."""
    return {
        ("*" if p.kind is p.VAR_POSITIONAL else "") + name: spec(*_metadata(reference, name))
        for name, p in inspect.signature(reference).parameters.items()
        if p.kind is not p.KEYWORD_ONLY
    }


@functools.cache
def keyword_specs(reference: Callable[..., Any]) -> dict[str, Choices | ArraySpec]:
    """Return what each keyword of a rule or network takes."""
    return {
        name: metadata[0] if isinstance(metadata[0], Choices) else spec(*metadata)
        for name, p in inspect.signature(reference).parameters.items()
        if p.kind is p.KEYWORD_ONLY and name != "where"
        for metadata in [_metadata(reference, name)]
    }


@functools.lru_cache(256)
def param_specs(reference: Callable[..., Any], **keywords: Any) -> Any:
    """Return the pytree of specifications of a network's parameters, which depend on its keywords."""
    (tree,) = _metadata(reference, next(iter(inspect.signature(reference).parameters)))
    return tree_map(spec, tree(**keywords) if callable(tree) else tree)


@functools.cache
def data_specs(reference: Callable[..., Any]) -> dict[str, Choices | ArraySpec]:
    """Return what the arguments of a network take that follow its parameters: X, y and reg."""
    _, *rest = (n for n, p in inspect.signature(reference).parameters.items() if p.kind is not p.KEYWORD_ONLY)
    found = ((name, _metadata(reference, name)) for name in rest)
    return {name: first if isinstance(first, Choices) else spec(first, *more) for name, (first, *more) in found}


@functools.cache
def value_dims(reference: Callable[..., Any]) -> Dims | None:
    """Return the dimensions of the value, or None where they are not annotated: then it cannot be padded."""
    metadata = _annotations(reference).get("return")
    return spec(*metadata).shapes[0] if metadata else None


def argument_names(reference: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the ``count`` positional arguments of a rule: those that are differentiated."""
    names: list[str] = []
    for name in array_specs(reference):
        names += [name] if name[0] != "*" else [f"{name[1:]}{i}" for i in range(count - len(names))]
    return names


@functools.cache
def _annotations(reference: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    hints = typing.get_type_hints(reference, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def _metadata(reference: Callable[..., Any], name: str) -> tuple[Any, ...]:
    if name not in _annotations(reference):
        kind = "Choices(…) or dimensions, as Annotated[Array, 'N D']"
        raise TypeError(f"{reference.__module__}.{reference.__name__}: {name} must be annotated with {kind}")
    return _annotations(reference)[name]
