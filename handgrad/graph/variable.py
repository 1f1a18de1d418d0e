"""Variables: nodes of the graph with operators, methods and NumPy's functions."""

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from handgrad import rules
from handgrad.arrays.namespace import library
from handgrad.graph.array_namespace import namespace_over
from handgrad.graph.node import Node, apply, unwrap
from handgrad.graph.numpy_functions import call_function, call_ufunc
from handgrad.rules.rule import Rule

__all__ = ["Variable"]

_Operator = Callable[[Any, Any], Any]


def _operators(rule: Rule) -> tuple[_Operator, _Operator]:
    """Return an operator for a Variable on the left, and one for a Variable on the right."""
    return lambda self, other: apply(rule, self, other), lambda self, other: apply(rule, other, self)


def _comparison(compare: _Operator) -> _Operator:
    """Return a comparison, which has no derivative and so compares the values."""
    return lambda self, other: compare(unwrap(self), unwrap(other))


class Variable(Node):
    """An array in a computational graph: a leaf, or the result of a rule applied to other variables.

    Operators and NumPy's functions on a Variable apply the rules of :mod:`handgrad.rules` and return Variables. Nothing
    is recorded elsewhere: the graph is what can be reached through ``parents``, and is freed with its output.

    Parameters
    ----------
    value : float, array or Variable
        float32 or float64. NumPy's arrays are not copied: taking gradients raises an error if one has changed since. To
        differentiate a gradient again, put a Variable inside a Variable.
    name : str, optional
        Its name in drawings and traces.

    Attributes
    ----------
    value : array
        Read-only.
    parents : tuple of Variable
        The rule's arguments; empty for a leaf.
    rule, kwargs : callable, dict
        The rule that made it, and the rule's keywords; None and empty for a leaf.
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

    __slots__ = ()

    __add__, __radd__ = _operators(rules.add)
    __sub__, __rsub__ = _operators(rules.subtract)
    __mul__, __rmul__ = _operators(rules.multiply)
    __truediv__, __rtruediv__ = _operators(rules.divide)
    __pow__, __rpow__ = _operators(rules.power)
    __matmul__, __rmatmul__ = _operators(rules.matmul)

    __lt__, __le__, __gt__, __ge__, __eq__, __ne__ = map(
        _comparison, (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
    )
    __hash__ = object.__hash__

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

    def __bool__(self) -> bool:
        return bool(unwrap(self))

    def __float__(self) -> float:
        return float(unwrap(self))

    def __repr__(self) -> str:
        return f"Variable({unwrap(self)!r}{f', name={self.name!r}' if self.name else ''})"

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
        """Return the axes in another order, reversed by default."""
        order = axes[0] if len(axes) == 1 else axes or None
        return apply(rules.transpose, self, axes=order)

    def dot(self, other: Any) -> Any:
        """Return the matrix product."""
        return apply(rules.matmul, self, other)

    def item(self) -> float:
        """Return the value of a single entry as a number."""
        return float(self)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError("a Variable cannot be changed in place: make another, as with where(condition, x, y)")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("as an array a Variable would lose its gradient: take v.value, or write X @ v for X.dot(v)")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_function(function, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return namespace_over(library(unwrap(self)))
