"""Variables: arrays that remember which rule made them of which other variables."""

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from handgrad import rules
from handgrad.arrays.namespace import Array, check_same_library, device, library, namespace
from handgrad.rules import Rule

__all__ = ["Variable", "apply", "constant", "fingerprint", "leaf", "plain"]

_NUMBERS, _NUMPYS = (bool, int, float), (np.ndarray, np.generic)

#: A prime, so that no row of a matrix is as long.
_APART = 1021

#: Numbers the Variables as they are made, so that a trace can show a graph in the order of the program.
_made = itertools.count()


class Variable:
    """An array in a computational graph: a leaf, or what a rule made of other variables.

    Operators and NumPy's functions on a Variable apply the rules of :mod:`handgrad.rules` and give Variables. Nothing
    else is recorded anywhere: the graph is what can be reached through ``parents``, and goes when its output goes.

    Parameters
    ----------
    value : float, array or Variable
        float32 or float64. NumPy's arrays are not copied: a later change to one is noticed, and refused, when gradients
        are taken. A Variable inside a Variable is how a gradient is differentiated again.
    name : str, optional
        What pictures and traces call it.

    Attributes
    ----------
    value : array
        Read-only.
    parents : tuple of Variable
        What it was made of, empty for a leaf.
    rule, kwargs : callable, dict
        What made it, and the keywords that this was given; None and empty for a leaf.
    backward : callable
        The rule's pullback, from this variable's cotangent to those of its parents; None for a leaf.

    Raises
    ------
    TypeError
        If the value is no real floating array: integers have no gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.graph import Variable, gradients
    >>> x = Variable(np.array([1.0, 2.0, 3.0]), name="x")
    >>> J = np.sum(x**2)
    >>> float(J), gradients(J, x)
    (14.0, (array([2., 4., 6.]),))

    References
    ----------
    ``docs/derivations/graph.md``.
    """

    __slots__ = ("backward", "fingerprint", "given", "kwargs", "level", "made", "name", "parents", "rule", "value")

    #: How deep it is nested: a gradient that is taken inside another has the higher level.
    level: int
    #: The array of somebody else's that a leaf was made of, and what that was like then.
    given: Array | None
    fingerprint: bytes | None
    name: str | None
    #: Its place in the order in which Variables were made.
    made: int
    parents: "tuple[Variable, ...]"
    rule: Callable[..., Any] | None
    kwargs: dict[str, Any]
    backward: Callable[..., tuple[Any, ...]] | None

    def __init__(self, value: Any, name: str | None = None) -> None:
        if isinstance(value, float):
            value = np.asarray(value)
        namespace(value)
        self.level = value.level + 1 if isinstance(value, Variable) else 0
        self.value = _held(value)
        self.given, self.fingerprint = (value, fingerprint(value)) if isinstance(value, np.ndarray) else (None, None)
        self.name, self.parents, self.rule, self.backward, self.kwargs = name, (), None, None, {}
        self.made = next(_made)

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def ndim(self) -> int:
        """The value's number of dimensions."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """The value's number of entries."""
        size: int = self.value.size
        return size

    @property
    def dtype(self) -> Any:
        """The value's dtype."""
        return self.value.dtype

    @property
    def device(self) -> Any:
        """The value's device."""
        return self.value.device

    @property
    def T(self) -> Any:
        """The transpose."""
        return apply(rules.transpose, self)

    @property
    def mT(self) -> Any:
        """Each matrix transposed."""
        return apply(rules.transpose, self, axes=(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the sum along axes."""
        return apply(rules.sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the mean along axes."""
        return apply(rules.mean, self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the largest entry along axes."""
        return apply(rules.max, self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the variance along axes."""
        return apply(rules.var, self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        """Return the entries in another shape."""
        return apply(rules.reshape, self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """Return the axes in another order, backwards by default."""
        order = axes[0] if len(axes) == 1 else axes or None
        return apply(rules.transpose, self, axes=order)

    def dot(self, other: Any) -> Any:
        """Return the matrix product."""
        return apply(rules.matmul, self, other)

    def item(self) -> float:
        """Return the value of one entry as a number."""
        return float(self)

    def __add__(self, other: Any) -> Any:
        return apply(rules.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return apply(rules.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return apply(rules.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return apply(rules.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return apply(rules.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return apply(rules.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return apply(rules.divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return apply(rules.divide, other, self)

    def __pow__(self, other: Any) -> Any:
        return apply(rules.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return apply(rules.power, other, self)

    def __matmul__(self, other: Any) -> Any:
        return apply(rules.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return apply(rules.matmul, other, self)

    def __neg__(self) -> Any:
        return apply(rules.negative, self)

    def __pos__(self) -> Any:
        return apply(rules.identity, self)

    def __abs__(self) -> Any:
        return apply(rules.absolute, self)

    def __getitem__(self, index: Any) -> Any:
        return apply(rules.getitem, self, index=index)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self.value)

    # comparisons have no derivative: they give arrays of booleans
    def __lt__(self, other: Any) -> Any:
        return plain(self) < plain(other)

    def __le__(self, other: Any) -> Any:
        return plain(self) <= plain(other)

    def __gt__(self, other: Any) -> Any:
        return plain(self) > plain(other)

    def __ge__(self, other: Any) -> Any:
        return plain(self) >= plain(other)

    def __eq__(self, other: Any) -> Any:
        return plain(self) == plain(other)

    def __ne__(self, other: Any) -> Any:
        return plain(self) != plain(other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(plain(self))

    def __float__(self) -> float:
        return float(plain(self))

    def __repr__(self) -> str:
        return f"Variable({plain(self)!r}{f', name={self.name!r}' if self.name else ''})"

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError("a Variable cannot be changed in place: make another, as with where(condition, x, y)")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("as an array a Variable would lose its gradient: take v.value, or write X @ v for X.dot(v)")

    # what NumPy and the rules look for: imported when asked, as these modules are made of Variables
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from handgrad.graph import numpy_functions

        return numpy_functions.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from handgrad.graph import numpy_functions

        return numpy_functions.call_function(function, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        from handgrad.graph.array_namespace import namespace_over

        return namespace_over(library(plain(self)))


def apply(rule: Rule, *args: Any, **kwargs: Any) -> Any:
    """Return the value of a rule as a Variable that remembers the rule's pullback.

    Parameters
    ----------
    rule : callable
        One of ``handgrad.RULES``, or one of your own: ``value, backward = rule(*args, **kwargs)``.
    *args : Variable, array or number
        What the rule is differentiated by. Where none is a Variable, the plain value is returned. Numbers, and arrays
        of integers, take the dtype of the Variables.
    **kwargs
        What the rule is not differentiated by.

    Returns
    -------
    Variable

    Raises
    ------
    TypeError, ValueError
        What the rule raises, such as for shapes that do not broadcast.

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
    like = None
    for a in args:
        if type(a) is Variable and (like is None or a.level > like.level):
            like = a
    if like is None:
        return rule(*args, **kwargs)[0]
    level = like.level
    parents = tuple([a if type(a) is Variable and a.level == level else constant(a, like) for a in args])
    values = [parent.value for parent in parents]
    if Variable in map(type, values):
        values = _alike(values)
    node = Variable.__new__(Variable)
    node.value, node.backward = rule(*values, **kwargs)
    if isinstance(node.value, np.ndarray):
        node.value.flags.writeable = False
    node.parents, node.rule, node.kwargs, node.level, node.made = parents, rule, kwargs, level, next(_made)
    node.name = node.given = node.fingerprint = None
    return node


def plain(a: Any) -> Any:
    """Return a Variable's array, however deep it is nested; anything else as it is."""
    while isinstance(a, Variable):
        a = a.value
    return a


def leaf(value: Any, level: int, name: str | None = None) -> Variable:
    """Return a leaf of a given level."""
    variable = Variable(value, name)
    variable.level = level
    return variable


_level = operator.attrgetter("level")


def constant(a: Any, like: Variable) -> Variable:
    """Return a leaf for what is not a Variable of this level; numbers and integers take its dtype."""
    if isinstance(a, _NUMBERS) or _is_of_integers(a):
        given = a if isinstance(a, np.ndarray) else None
        xp = library(plain(like))
        if not isinstance(a, (*_NUMBERS, np.generic)):
            check_same_library("the graph", a, xp, "its Variables")
        number = leaf(xp.asarray(a, dtype=like.dtype, **device(like)), like.level)
        number.given, number.fingerprint = given, None if given is None else fingerprint(given)
        return number
    return leaf(a, like.level)


def _is_of_integers(a: Any) -> bool:
    """Say whether an array, of whatever kind, is of integers or booleans."""
    if isinstance(a, _NUMPYS):
        return a.dtype.kind in "iub"
    is_array = hasattr(a, "dtype") and not isinstance(a, Variable)
    return is_array and bool(library(a).isdtype(a.dtype, ("bool", "integral")))


def _alike(values: list[Any]) -> list[Any]:
    """Return the values as Variables of one level, the highest, which a rule can compute with."""
    like = max((v for v in values if type(v) is Variable), key=_level)
    return [v if type(v) is Variable and v.level == like.level else constant(v, like) for v in values]


def fingerprint(a: Any) -> bytes:
    """Return bytes that a NumPy array has as long as it is not changed: of a small array all of its own.

    Of a larger one they are the sums of every 1,021st word of it, which is as fast as reading it. A change of any
    entry changes them; several at once escape only if their bits cancel out at places that lie a multiple of 1,021
    apart.
    """
    if a.nbytes < 8 * _APART:
        return bytes(a.tobytes())
    flat = (a if a.flags.c_contiguous else a.T).reshape(-1).view(np.uint8)
    whole = flat.size // (8 * _APART) * (8 * _APART)
    sums = np.add.reduce(flat[:whole].view(np.uint64).reshape(-1, _APART), axis=0)
    return bytes(sums.tobytes() + flat[whole:].tobytes())


def _held(value: Any) -> Any:
    """Return an array that the graph cannot change, and of other libraries than NumPy a copy."""
    if isinstance(value, Variable):
        return value
    if isinstance(value, _NUMPYS):
        held = np.asarray(value)[...]
        held.flags.writeable = False
        return held
    return namespace(value).asarray(value, copy=True)
