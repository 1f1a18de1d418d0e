"""What a pullback keeps from the forward pass on, and what of it the way back reads.

A pullback is a closure: what it mentions lives on, and can be looked at.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.graph.pytree import tree_leaves, tree_map
from handgrad.graph.variable import Variable, plain

__all__ = ["Kept", "kept_by", "once", "owner", "watching"]


@dataclass(frozen=True, eq=False)
class Kept:
    """An array that a pullback holds from the forward pass on.

    Attributes
    ----------
    name : str
        The name of the node whose value it is; else "its own array" and the pullback's word for it.
    array : array
        The whole of it, even where the pullback holds a view.
    """

    name: str
    array: Array

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return int(self.array.nbytes)

    def __str__(self) -> str:
        return f"{self.name} ({self.nbytes:,} B)"


def kept_by(node: Variable, names: dict[int, str]) -> tuple[Kept, ...]:
    """Return what a node's pullback holds, given the names of arrays by the id of their owner."""
    names = {id(owner(a)): key for key, value in node.kwargs.items() for a in _arrays(value)} | names
    return once(
        Kept(names.get(id(owner(a)), f"its own array {word}"), owner(a))
        for word, cell in _cells(node.backward, set())
        for a in _arrays(cell.cell_contents)
    )


def once(kept: Iterable[Kept]) -> tuple[Kept, ...]:
    """Return each array under the first name that it is met with."""
    found: dict[int, Kept] = {}
    for k in kept:
        found.setdefault(id(k.array), k)
    return tuple(found.values())


def owner(a: Array) -> Array:
    """Return the array whose memory a view shows."""
    while isinstance(base := getattr(a, "base", None), np.ndarray):
        a = base
    return a


@contextlib.contextmanager
def watching(pullback: Any) -> Iterator[set[int]]:
    """Yield the ids of the kept arrays that have not been read while this lasts: the pullback has views that notice.

    Masks and indices are not watched: NumPy does not say when they are read, but nobody keeps one for its shape.
    """
    floating = [
        (cell, a)
        for _, cell in _cells(pullback, set())
        if isinstance(a := cell.cell_contents, np.ndarray | np.generic) and a.dtype.kind == "f"
    ]
    unread = {id(owner(a)) for _, a in floating}
    try:
        for cell, a in floating:
            cell.cell_contents = _Watched.over(a, unread)
        yield unread
    finally:
        for cell, a in floating:
            cell.cell_contents = a


class _Watched(np.ndarray[Any, Any]):
    """A view of an array that notices when entries are read; shape and dtype are no entries."""

    _owner_id: int
    _unread: set[int]

    @classmethod
    def over(cls, a: Array, unread: set[int]) -> "_Watched":
        """Return a view that takes the array's owner from those that are unread."""
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

    def __array_finalize__(self, a: Any) -> None:  # of a view, such as the transpose
        if isinstance(a, _Watched):
            a._entries()
            self._owner_id, self._unread = a._owner_id, a._unread

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_plainly(inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*_plainly(args), **kwargs)


def _plainly(args: tuple[Any, ...]) -> Any:
    """Return arguments with the entries of what is watched, which notices that they are read."""
    return tree_map(lambda a, _: a._entries() if isinstance(a, _Watched) else a, args)


def _cells(pullback: Any, seen: set[int]) -> Iterator[tuple[str, CellType]]:
    """Yield each cell of a closure, and of the closures in it, with its word in the code."""
    if not isinstance(pullback, FunctionType | MethodType):
        return
    for word, cell in zip(pullback.__code__.co_freevars, pullback.__closure__ or ()):
        if id(cell) not in seen:
            seen.add(id(cell))
            yield word, cell
            yield from _cells(cell.cell_contents, seen)


def _arrays(contents: Any) -> list[Array]:
    """Return the arrays in what a cell holds."""
    return [a for leaf in tree_leaves([contents]) if isinstance(a := plain(leaf), np.ndarray | np.generic)]
