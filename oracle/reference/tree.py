"""Pytrees of parameters: dicts, lists and tuples of arrays, in their own order."""

from collections.abc import Callable
from typing import Any

__all__ = ["tree_leaves", "tree_map"]


def tree_leaves(tree: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of a pytree by their paths, such as "W1" or "layers.0.W"."""
    if not isinstance(tree, (dict, list, tuple)):
        return {path: tree}
    children = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: dict[str, Any] = {}
    for key, child in children:
        found |= tree_leaves(child, f"{path}.{key}" if path else str(key))
    return found


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """Return the pytree with f applied to each leaf."""
    if isinstance(tree, dict):
        return {key: tree_map(f, child) for key, child in tree.items()}
    return type(tree)(tree_map(f, child) for child in tree) if isinstance(tree, (list, tuple)) else f(tree)
