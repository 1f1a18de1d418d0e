"""NumPy's functions on Variables: each applies one rule or a few; any other raises an error that names it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad import rules
from handgrad.arrays.namespace import NUMPY, is_array, library
from handgrad.graph.node import Node, apply, unwrap

__all__ = ["call_function", "call_ufunc"]

_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: rules.add,
    np.subtract: rules.subtract,
    np.multiply: rules.multiply,
    np.divide: rules.divide,
    np.negative: rules.negative,
    np.positive: rules.identity,
    np.power: rules.power,
    np.exp: rules.exp,
    np.expm1: rules.expm1,
    np.log: rules.log,
    np.log1p: rules.log1p,
    np.sqrt: rules.sqrt,
    np.absolute: rules.absolute,
    np.maximum: rules.maximum,
    np.minimum: rules.minimum,
    np.matmul: rules.matmul,
    np.tanh: rules.tanh,
}

#: Functions without a derivative, or with derivative 0: computed on the values.
_UNDIFFERENTIATED = {
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isfinite, np.isnan, np.isinf),
    *(np.sign, np.floor, np.ceil, np.rint, np.argmax, np.argmin, np.any, np.all, np.shape, np.ndim, np.size, np.round),
    *(np.zeros_like, np.ones_like, np.full_like, np.array_equal, np.allclose, np.isclose, np.array_repr, np.array_str),
}


# named as in NumPy, with those of its arguments that have a derivative
def square(x: Any) -> Any:
    return x * x


def reciprocal(x: Any) -> Any:
    return 1.0 / x


def _reduction(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, *, keepdims=False: apply(rule, a, axis=axis, keepdims=keepdims)


sum, mean, max = map(_reduction, (rules.sum, rules.mean, rules.max))


def min(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return -apply(rules.max, -a, axis=axis, keepdims=keepdims)


def var(a: Any, axis: Any = None, *, ddof: float = 0, correction: float = 0, keepdims: bool = False) -> Any:
    return apply(rules.var, a, axis=axis, keepdims=keepdims, correction=float(ddof or correction))


def std(a: Any, axis: Any = None, *, ddof: float = 0, correction: float = 0, keepdims: bool = False) -> Any:
    return apply(rules.sqrt, var(a, axis, ddof=ddof, correction=correction, keepdims=keepdims))


def where(condition: Any, x: Any, y: Any) -> Any:
    condition = unwrap(condition)
    return apply(rules.where, x, y, condition=condition if is_array(condition) else np.asarray(condition))


def clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    a = a if a_min is None else apply(rules.maximum, a, a_min)
    return a if a_max is None else apply(rules.minimum, a, a_max)


def reshape(a: Any, shape: Any) -> Any:
    return apply(rules.reshape, a, shape=shape)


def ravel(a: Any) -> Any:
    return apply(rules.reshape, a, shape=-1)


def _reshaping(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy's that only changes the shape: the new one is that of an array without memory."""
    return lambda a, axis=None: apply(rules.reshape, a, shape=function(np.broadcast_to(0, unwrap(a).shape), axis).shape)


squeeze, expand_dims = _reshaping(np.squeeze), _reshaping(np.expand_dims)


def transpose(a: Any, axes: Any = None) -> Any:
    return apply(rules.transpose, a, axes=axes)


def broadcast_to(array: Any, shape: Any) -> Any:
    return apply(rules.broadcast_to, array, shape=shape)


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    return apply(rules.concatenate, *arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return concatenate([expand_dims(a, axis) for a in arrays], axis)


def dot(a: Any, b: Any) -> Any:
    return apply(rules.matmul if np.ndim(unwrap(a)) and np.ndim(unwrap(b)) else rules.multiply, a, b)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.square: square, np.reciprocal: reciprocal, np.sum: sum, np.mean: mean, np.max: max, np.amax: max, np.min: min,
    np.amin: min, np.var: var, np.std: std, np.where: where, np.clip: clip, np.reshape: reshape, np.ravel: ravel,
    np.squeeze: squeeze, np.expand_dims: expand_dims, np.transpose: transpose, np.broadcast_to: broadcast_to,
    np.concatenate: concatenate, np.stack: stack, np.dot: dot,
}  # fmt: skip

#: The standard's names of NumPy's functions, where they differ.
_STANDARD_NAMES = {"rint": "round"}


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return ``ufunc(*inputs)``, a Variable if the ufunc has a derivative."""
    name = f"numpy.{ufunc.__name__}"
    if method != "__call__":
        raise TypeError(f"handgrad.graph has no rule for {name}.{method}; sum, mean, max and min have one")
    if kwargs.get("out"):
        raise TypeError(f"{name} into an existing array would lose the gradient: write a = a + v for a += v")
    if kwargs:
        raise TypeError(f"handgrad.graph takes no keywords for {name}, got {', '.join(kwargs)}")
    if ufunc in _UFUNCS:
        return apply(_UFUNCS[ufunc], *inputs)
    return call_function(ufunc, inputs, kwargs)


def call_function(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return ``function(*args, **kwargs)``, a Variable if the function has a derivative."""
    if function in _FUNCTIONS:
        return _FUNCTIONS[function](*args, **kwargs)
    if function in _UNDIFFERENTIATED:
        values, options = [unwrap(a) for a in args], {key: unwrap(a) for key, a in kwargs.items()}
        xp = library(next(unwrap(a) for a in (*args, *kwargs.values()) if isinstance(a, Node)))
        name = _STANDARD_NAMES.get(function.__name__, function.__name__)
        return (function if xp is NUMPY else getattr(xp, name, function))(*values, **options)
    raise TypeError(
        f"handgrad.graph has no rule for numpy.{function.__name__}: write it with functions that have one, or write a "
        "rule of your own and use graph.apply(rule, x)"
    )
