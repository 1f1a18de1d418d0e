"""Nested dicts, lists and tuples of arrays, such as a network's parameters."""

from collections.abc import Callable
from typing import Any

from handgrad.graph.variable import Variable

__all__ = ["tree_leaves", "tree_map", "variables"]


def variables(tree: Any) -> Any:
    """Return the tree with each array a Variable, named by its path.

    Parameters
    ----------
    tree : dict, list, tuple or array
        Nested to any depth.

    Returns
    -------
    dict, list, tuple or Variable
        Of the same structure.

    Raises
    ------
    TypeError
        If an array is not real floating.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import graph
    >>> graph.variables({"W1": np.ones((2, 1)), "b1": np.zeros(1)})["b1"]
    Variable(array([0.]), name='b1')

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    return tree_map(Variable, tree)


_BRANCHES = (dict, list, tuple)


def tree_map(f: Callable[[Any, str | None], Any], tree: Any, name: str | None = None) -> Any:
    """Return the tree with f(leaf, name) for each leaf, whose name is its path: keys and indices, joined by dots."""
    if not isinstance(tree, _BRANCHES):
        return None if tree is None else f(tree, name)
    items = tree if isinstance(tree, dict) else dict(enumerate(tree))
    mapped = {key: tree_map(f, a, f"{name}.{key}" if name else str(key)) for key, a in items.items()}
    return mapped if isinstance(tree, dict) else type(tree)(mapped.values())


def tree_leaves(tree: Any) -> list[Any]:
    """Return the leaves in order."""
    found: list[Any] = []
    tree_map(lambda x, _: found.append(x), tree)
    return found
