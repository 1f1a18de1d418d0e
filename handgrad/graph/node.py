"""Nodes of the graph: arrays that remember which rule made them, and of which other nodes."""

import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array, check_same_library, device, is_array, library, namespace
from handgrad.rules.rule import Rule

__all__ = ["Node", "apply", "as_leaf", "fingerprint", "make_leaf", "unwrap"]

_NUMBERS, _NUMPY_TYPES = (bool, int, float), (np.ndarray, np.generic)

#: Words between those that a fingerprint adds up; a prime, so that no row of a matrix is as long.
_FINGERPRINT_STRIDE = 1021

_creation_indices = itertools.count()


class Node:
    """An array in a computational graph, without the operators that :class:`~handgrad.graph.Variable` adds."""

    # fmt: off
    __slots__ = (
        "backward", "creation_index", "fingerprint", "kwargs", "level", "name", "parents", "rule", "source", "value",
    )
    # fmt: on

    #: The depth of nesting: a gradient taken inside another has the higher level.
    level: int
    #: The caller's array behind a leaf, and its fingerprint when the leaf was created.
    source: Array | None
    fingerprint: bytes | None
    name: str | None
    #: Numbers the nodes in the order of the program, so that a trace can show them in it.
    creation_index: int
    parents: "tuple[Node, ...]"
    rule: Callable[..., Any] | None
    kwargs: dict[str, Any]
    backward: Callable[..., tuple[Any, ...]] | None

    def __init__(self, value: Any, name: str | None = None) -> None:
        if isinstance(value, float):
            value = np.asarray(value)
        namespace(value)
        self.level = value.level + 1 if isinstance(value, Node) else 0
        self.value = _protected(value)
        self.source, self.fingerprint = (value, fingerprint(value)) if isinstance(value, np.ndarray) else (None, None)
        self.name, self.parents, self.rule, self.backward, self.kwargs = name, (), None, None, {}
        self.creation_index = next(_creation_indices)

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape."""
        return tuple(self.value.shape)

    @property
    def ndim(self) -> int:
        """The value's number of dimensions."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """The value's number of entries."""
        return int(self.value.size)

    @property
    def dtype(self) -> Any:
        """The value's dtype."""
        return self.value.dtype

    @property
    def device(self) -> Any:
        """The value's device."""
        return self.value.device


def apply(rule: Rule, *args: Any, **kwargs: Any) -> Any:
    """Return the value of a rule as a Variable that remembers the rule's pullback.

    Parameters
    ----------
    rule : callable
        One of ``handgrad.RULES``, or one of your own: ``value, backward = rule(*args, **kwargs)``.
    *args : Variable, array or number
        The arguments to differentiate by. If none is a Variable, the plain value is returned. Numbers, and arrays of
        integers, take the dtype of the Variables.
    **kwargs
        The arguments not to differentiate by.

    Returns
    -------
    Variable

    Raises
    ------
    TypeError, ValueError
        As the rule does, such as for shapes that do not broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import graph, softmax_cross_entropy
    >>> s = graph.Variable(np.zeros((1, 2)))
    >>> L = graph.apply(softmax_cross_entropy, s, labels=np.array([1]))
    >>> graph.gradients(L, s)
    (array([[ 0.5, -0.5]]),)

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    reference: Node | None = None
    for a in args:
        if isinstance(a, Node) and (reference is None or a.level > reference.level):
            reference = a
    if reference is None:
        return rule(*args, **kwargs)[0]
    parents = _at_level_of(reference, args)
    values = [parent.value for parent in parents]
    if nested := [value for value in values if isinstance(value, Node)]:
        values = _at_level_of(max(nested, key=operator.attrgetter("level")), values)
    node = Node.__new__(type(reference))
    node.value, node.backward = rule(*values, **kwargs)
    if isinstance(node.value, np.ndarray):
        node.value.flags.writeable = False
    node.parents, node.rule, node.kwargs, node.level = tuple(parents), rule, kwargs, reference.level
    node.creation_index = next(_creation_indices)
    node.name = node.source = node.fingerprint = None
    return node


def _at_level_of(reference: Node, args: Any) -> list[Any]:
    level = reference.level
    return [a if isinstance(a, Node) and a.level == level else as_leaf(a, reference) for a in args]


def unwrap(a: Any) -> Any:
    """Return a Variable's array, however deeply it is nested; anything else unchanged."""
    while isinstance(a, Node):
        a = a.value
    return a


def make_leaf(kind: type[Node], value: Any, level: int, name: str | None = None) -> Node:
    """Return a leaf of a given class and level."""
    node = kind(value, name)
    node.level = level
    return node


def as_leaf(a: Any, reference: Node) -> Node:
    """Return a leaf of the reference's level for anything else; numbers and integers take its dtype."""
    if not (isinstance(a, _NUMBERS) or _has_integers(a)):
        return make_leaf(type(reference), a, reference.level)
    array = unwrap(reference)
    xp = library(array)
    if not isinstance(a, (*_NUMBERS, np.generic)):
        check_same_library("operand", a, xp, "the Variables")
    node = make_leaf(type(reference), xp.asarray(a, dtype=reference.dtype, **device(array)), reference.level)
    node.source, node.fingerprint = (a, fingerprint(a)) if isinstance(a, np.ndarray) else (None, None)
    return node


def _has_integers(a: Any) -> bool:
    """Return True for an array of integers or booleans, of any library."""
    if isinstance(a, _NUMPY_TYPES):
        return a.dtype.kind in "iub"
    return not isinstance(a, Node) and is_array(a) and bool(library(a).isdtype(a.dtype, ("bool", "integral")))


def fingerprint(a: Any) -> bytes:
    """Return bytes that change when a NumPy array does: the bytes of a small array, sums over a large one.

    The sums are those of every 1,021st word, which is as fast as reading the array. A change of any entry changes them;
    several at once escape only if their bits cancel out at places that lie a multiple of 1,021 apart.
    """
    if a.nbytes < 8 * _FINGERPRINT_STRIDE:
        return bytes(a.tobytes())
    flat = (a if a.flags.c_contiguous else a.T).reshape(-1).view(np.uint8)
    whole = flat.size // (8 * _FINGERPRINT_STRIDE) * (8 * _FINGERPRINT_STRIDE)
    sums = np.add.reduce(flat[:whole].view(np.uint64).reshape(-1, _FINGERPRINT_STRIDE), axis=0)
    return bytes(sums.tobytes() + flat[whole:].tobytes())


def _protected(value: Any) -> Any:
    """Return a read-only view of a NumPy array, a copy of another library's, and a Variable unchanged."""
    if isinstance(value, Node):
        return value
    if isinstance(value, _NUMPY_TYPES):
        view = np.asarray(value)[...]
        view.flags.writeable = False
        return view
    return namespace(value).asarray(value, copy=True)
