"""What rules and nodes are called, in errors, traces and pictures."""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from handgrad.graph.variable import Variable

__all__ = ["argument_names", "called", "is_number", "node_names", "rule_name", "within_partials"]


def rule_name(rule: Callable[..., Any]) -> str:
    """Return a rule's name: of a partial its function's, of an object that can be called its class's."""
    rule = within_partials(rule)
    return str(getattr(rule, "__name__", type(rule).__name__))


def within_partials(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose partial, or whose partial's partial, a rule is."""
    while isinstance(rule, functools.partial):
        rule = rule.func
    return rule


def called(node: Variable) -> str:
    """Return what an error calls a node."""
    what = node.name or (f"the {rule_name(node.rule)}" if node.rule else "an array")
    return f"{what} of shape {tuple(node.shape)}"


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first positional parameters, x0, x1, … where f does not say them."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except ValueError:  # of a function in C
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [f"x{i}" for i in range(len(names), count)])[:count]


def node_names(graph: list[Variable], arguments: dict[Variable, str], handed: dict[int, str]) -> dict[Variable, str]:
    """Return a name for each node, all different but for numbers, which are called by their value."""
    names: dict[Variable, str] = {}
    taken: set[str] = set()
    for node in graph:
        name = node.name or arguments.get(node) or handed.get(id(node.given))
        if name:
            others = (f"{name}_{i}" for i in itertools.count(2))
            names[node] = next(n for n in itertools.chain([name], others) if n not in taken)
            taken.add(names[node])
    results, constants = _invented("v", taken), _invented("c", taken)
    for node in graph:
        if node not in names:
            names[node] = f"{float(node):g}" if is_number(node) else next(results if node.rule else constants)
    return {node: names[node] for node in graph}


def _invented(letter: str, taken: set[str]) -> Iterator[str]:
    return (name for i in itertools.count(1) if (name := f"{letter}{i}") not in taken)


def is_number(node: Variable) -> bool:
    """Whether a leaf that is no argument is a number that stood in the program."""
    return node.rule is None and node.given is None and node.shape == () and node.name is None
