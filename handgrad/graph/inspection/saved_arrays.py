"""Arrays saved for the backward pass, and which of them it reads.

A pullback is a closure, and its cells hold the saved arrays.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.graph.node import Node, unwrap
from handgrad.graph.pytree import tree_leaves, tree_map

__all__ = ["SavedArray", "deduplicate", "owner", "saved_by", "track_reads"]


@dataclass(frozen=True, eq=False)
class SavedArray:
    """An array that a pullback holds from the forward pass.

    Attributes
    ----------
    name : str
        The name of the node whose value it is; else "its own array" and the pullback's variable name.
    array : array
        The whole array, even if the pullback holds a view.
    """

    name: str
    array: Array

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return int(self.array.nbytes)

    def __str__(self) -> str:
        return f"{self.name} ({self.nbytes:,} B)"


def saved_by(node: Node, names: dict[int, str]) -> tuple[SavedArray, ...]:
    """Return the arrays that a node's pullback holds, given names by the id of the owner."""
    names = {id(owner(a)): key for key, value in node.kwargs.items() for a in _arrays(value)} | names
    return deduplicate(
        SavedArray(names.get(id(owner(a)), f"its own array {variable}"), owner(a))
        for variable, cell in _cells(node.backward, set())
        for a in _arrays(cell.cell_contents)
    )


def deduplicate(saved: Iterable[SavedArray]) -> tuple[SavedArray, ...]:
    """Return each array once, under its first name."""
    found: dict[int, SavedArray] = {}
    for a in saved:
        found.setdefault(id(a.array), a)
    return tuple(found.values())


def owner(a: Array) -> Array:
    """Return the array that owns a view's memory."""
    while isinstance(base := getattr(a, "base", None), np.ndarray):
        a = base
    return a


@contextlib.contextmanager
def track_reads(pullback: Any) -> Iterator[set[int]]:
    """Yield the ids of the saved arrays that have not been read yet; the pullback holds views that record reads.

    Masks and indices are not tracked: NumPy does not report their reads, but no pullback saves one for its shape.
    """
    floating = [
        (cell, a)
        for _, cell in _cells(pullback, set())
        if isinstance(a := cell.cell_contents, np.ndarray | np.generic) and a.dtype.kind == "f"
    ]
    unread = {id(owner(a)) for _, a in floating}
    try:
        for cell, a in floating:
            cell.cell_contents = _ReadTracker.over(a, unread)
        yield unread
    finally:
        for cell, a in floating:
            cell.cell_contents = a


class _ReadTracker(np.ndarray[Any, Any]):
    """A view that records reads of an array's entries, as opposed to its shape and dtype."""

    _owner_id: int
    _unread: set[int]

    @classmethod
    def over(cls, a: Array, unread: set[int]) -> "_ReadTracker":
        """Return a view whose first read removes the array's owner from ``unread``."""
        view = np.asarray(a).view(cls)
        view._owner_id, view._unread = id(owner(a)), unread
        return view

    def _entries(self) -> Array:
        self._unread.discard(self._owner_id)
        return self.view(np.ndarray)

    def __getitem__(self, index: Any) -> Any:
        return self._entries()[index]

    def __float__(self) -> float:
        return float(self._entries())

    def __array_finalize__(self, a: Any) -> None:  # called for a view, such as the transpose
        if isinstance(a, _ReadTracker):
            a._entries()
            self._owner_id, self._unread = a._owner_id, a._unread

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_entries_of(inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*_entries_of(args), **kwargs)


def _entries_of(args: tuple[Any, ...]) -> Any:
    """Return the arguments with each tracked view replaced by its array, which counts as read."""
    return tree_map(lambda a, _: a._entries() if isinstance(a, _ReadTracker) else a, args)


def _cells(pullback: Any, seen: set[int]) -> Iterator[tuple[str, CellType]]:
    """Yield each cell of a closure, and of the closures in it, with its variable's name."""
    if not isinstance(pullback, FunctionType | MethodType):
        return
    for variable, cell in zip(pullback.__code__.co_freevars, pullback.__closure__ or ()):
        if id(cell) not in seen:
            seen.add(id(cell))
            yield variable, cell
            yield from _cells(cell.cell_contents, seen)


def _arrays(contents: Any) -> list[Array]:
    """Return the arrays in a cell's contents."""
    return [a for leaf in tree_leaves([contents]) if isinstance(a := unwrap(leaf), np.ndarray | np.generic)]
