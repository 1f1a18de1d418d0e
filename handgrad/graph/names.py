"""Names of rules and nodes in errors, traces and drawings."""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from handgrad.graph.node import Node, unwrap

__all__ = ["argument_names", "describe", "is_number", "node_names", "rule_name", "unwrap_partials"]


def rule_name(rule: Callable[..., Any]) -> str:
    """Return a rule's name: for a partial its function's, for a callable object its class's."""
    rule = unwrap_partials(rule)
    return str(getattr(rule, "__name__", type(rule).__name__))


def unwrap_partials(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Unwrap nested ``functools.partial`` objects."""
    while isinstance(rule, functools.partial):
        rule = rule.func
    return rule


def describe(node: Node) -> str:
    """Return a node's name and shape for an error."""
    name = node.name or (f"the {rule_name(node.rule)}" if node.rule else "an array")
    return f"{name} of shape {tuple(node.shape)}"


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first positional parameters, or x0, x1, … where the signature has none."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except ValueError:  # a function in C
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [f"x{i}" for i in range(len(names), count)])[:count]


def node_names(graph: list[Node], arguments: dict[Node, str], array_names: dict[int, str]) -> dict[Node, str]:
    """Return a unique name for each node; a number is named by its value."""
    names: dict[Node, str] = {}
    taken: set[str] = set()
    for node in graph:
        name = node.name or arguments.get(node) or array_names.get(id(node.source))
        if name:
            others = (f"{name}_{i}" for i in itertools.count(2))
            names[node] = next(n for n in itertools.chain([name], others) if n not in taken)
            taken.add(names[node])
    results, constants = _unused_names("v", taken), _unused_names("c", taken)
    for node in graph:
        if node not in names:
            names[node] = f"{float(unwrap(node)):g}" if is_number(node) else next(results if node.rule else constants)
    return {node: names[node] for node in graph}


def _unused_names(letter: str, taken: set[str]) -> Iterator[str]:
    return (name for i in itertools.count(1) if (name := f"{letter}{i}") not in taken)


def is_number(node: Node) -> bool:
    """Return True for a leaf that was a literal number in the program."""
    return node.rule is None and node.source is None and node.shape == () and node.name is None
