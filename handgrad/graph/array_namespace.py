"""The graph's own array namespace, so that a rule, written for arrays, runs on Variables unchanged.

This gives second derivatives: a pullback that runs on Variables is recorded itself.
"""

import functools
from collections.abc import Callable
from typing import Any

from handgrad import rules
from handgrad.arrays.namespace import WrappingNamespace, name_of
from handgrad.graph.node import Node, apply, unwrap

__all__ = ["namespace_over"]

#: Rules by the standard's names.
_RULES: dict[str, Callable[..., Any]] = {
    **rules.PRIMITIVES,
    **rules.ACTIVATIONS,
    "abs": rules.absolute,
    "permute_dims": rules.transpose,
    "pow": rules.power,
}

#: Arguments that a rule takes by keyword, in the standard's order.
_KEYWORDS = {"reshape": ["shape"], "broadcast_to": ["shape"], "permute_dims": ["axes"]}

#: Functions without a derivative, or with derivative 0: computed on the values.
_UNDIFFERENTIATED = frozenset(
    """
    all any arange argmax argmin ceil equal finfo floor full greater greater_equal isdtype isfinite isinf isnan less
    less_equal logical_and logical_not logical_or not_equal ones round sign zeros
    """.split()  # noqa: SIM905
)


@functools.lru_cache(maxsize=32)
def namespace_over(library: Any) -> Any:
    """Return the namespace of Variables that hold a library's arrays."""
    return _Namespace(library)


class _Namespace(WrappingNamespace):
    """Functions on Variables: rules where there is a derivative, else the library's own on the values."""

    def __init__(self, library: Any) -> None:
        self.library_of_values = library
        self.__name__ = f"handgrad.graph over {name_of(library)}"

    def __getattr__(self, name: str) -> Any:
        if name in _RULES:
            return lambda *args, **kwargs: self._apply(name, args, kwargs)
        found = getattr(self.library_of_values, name)
        if name in _UNDIFFERENTIATED:
            return lambda *args, **kwargs: found(*map(unwrap, args), **kwargs)
        if callable(found) and not isinstance(found, type):
            raise TypeError(f"handgrad.graph has no rule for {name}: write one, and use graph.apply(rule, x)")
        return found  # a dtype or a number

    def _apply(self, name: str, args: Any, kwargs: Any) -> Any:
        """Apply a rule, or the library's function if no argument is a Variable."""
        if not any(isinstance(a, Node) for a in args):
            return getattr(self.library_of_values, name)(*args, **kwargs)
        keywords = _KEYWORDS.get(name, [])
        kwargs = {**kwargs, **dict(zip(keywords, args[1:]))}
        return apply(_RULES[name], *(args[:1] if keywords else args), **kwargs)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        if not (isinstance(x, Node) or isinstance(y, Node)):
            return self.library_of_values.where(condition, x, y)
        return apply(rules.where, x, y, condition=unwrap(condition))

    def take(self, x: Any, indices: Any, *, axis: int = 0) -> Any:
        if not isinstance(x, Node):
            return self.library_of_values.take(x, indices, axis=axis)
        return apply(rules.getitem, x, index=(slice(None),) * axis + (indices,) if axis else indices)

    def vecdot(self, x: Any, y: Any) -> Any:
        return apply(rules.sum, x * y, axis=-1)

    def concat(self, arrays: Any, *, axis: int = 0) -> Any:
        return apply(rules.concatenate, *arrays, axis=axis)

    def asarray(self, a: Any, *, dtype: Any = None, copy: bool | None = None) -> Any:
        if not isinstance(a, Node):
            return self.library_of_values.asarray(a, dtype=dtype, copy=copy)
        return apply(rules.identity, a) if copy else a

    def astype(self, a: Any, dtype: Any, **kwargs: Any) -> Any:
        if not isinstance(a, Node):
            return self.library_of_values.astype(a, dtype, **kwargs)
        if a.dtype != dtype:
            raise TypeError(f"handgrad.graph has no rule for astype: a Variable of {a.dtype} stays so, not {dtype}")
        return a
