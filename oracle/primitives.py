"""The operations that JAX breaks a program into, carried out by NumPy, which needs no compiler for a new shape.

What is not in the tables is carried out by JAX itself, one operation at a time.
"""

import string
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bind", "carry_out"]

_ENTRY_BY_ENTRY: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "add": np.add,
    "add_any": np.add,
    "and": np.bitwise_and,
    "copy": np.copy,
    "div": np.divide,
    "eq": np.equal,
    "exp": np.exp,
    "expm1": np.expm1,
    "ge": np.greater_equal,
    "gt": np.greater,
    "is_finite": np.isfinite,
    "le": np.less_equal,
    "log": np.log,
    "log1p": np.log1p,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "not": np.invert,
    "or": np.bitwise_or,
    "pow": np.power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sign": np.sign,
    "sqrt": np.sqrt,
    "square": np.square,
    "stop_gradient": np.copy,
    "sub": np.subtract,
    "tanh": np.tanh,
}


def _broadcast_in_dim(x: NDArray[Any], *, shape: Any, broadcast_dimensions: Any, **_: Any) -> Any:
    kept = [1] * len(shape)
    for i, n in zip(broadcast_dimensions, x.shape):
        kept[i] = n
    return np.broadcast_to(x.reshape(kept), shape)


def _dot_general(x: NDArray[Any], y: NDArray[Any], *, dimension_numbers: Any, **_: Any) -> Any:
    (summed_x, summed_y), (batch_x, batch_y) = dimension_numbers
    letters = iter(string.ascii_letters)
    of_x, of_y = [next(letters) for _ in x.shape], [next(letters) for _ in y.shape]
    for i, j in (*zip(summed_x, summed_y), *zip(batch_x, batch_y)):
        of_y[j] = of_x[i]
    free_x = [of_x[i] for i in range(x.ndim) if i not in (*summed_x, *batch_x)]
    free_y = [of_y[j] for j in range(y.ndim) if j not in (*summed_y, *batch_y)]
    out = "".join([*(of_x[i] for i in batch_x), *free_x, *free_y])
    return np.einsum(f"{''.join(of_x)},{''.join(of_y)}->{out}", x, y)


def _pad(x: NDArray[Any], value: Any, *, padding_config: Any) -> Any:
    """Put gaps between entries, then entries in front and behind, or, where negative, cut them off."""
    spread = np.full([n + (n - 1) * gap if n else 0 for n, (_, _, gap) in zip(x.shape, padding_config)], value, x.dtype)
    spread[tuple(slice(None, None, gap + 1) for _, _, gap in padding_config)] = x
    cut = spread[tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi, _) in zip(spread.shape, padding_config))]
    return np.pad(cut, [(max(lo, 0), max(hi, 0)) for lo, hi, _ in padding_config], constant_values=value)


def _slice(x: NDArray[Any], *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    return x[tuple(map(slice, start_indices, limit_indices, strides or [1] * x.ndim))]


_OTHERS: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": lambda *xs, dimension: np.concatenate(xs, dimension),
    "convert_element_type": lambda x, *, new_dtype, **_: np.asarray(x).astype(new_dtype),
    "dot_general": _dot_general,
    "expand_dims": lambda x, *, dimensions: np.expand_dims(x, tuple(dimensions)),
    "integer_pow": lambda x, *, y: np.power(x, float(y)),
    "pad": _pad,
    "reduce_max": lambda x, *, axes, **_: np.max(x, axis=tuple(axes)),
    "reduce_min": lambda x, *, axes, **_: np.min(x, axis=tuple(axes)),
    "reduce_sum": lambda x, *, axes, **_: np.sum(x, axis=tuple(axes)),
    "reshape": lambda x, *, new_sizes, **_: np.reshape(x, new_sizes),
    "rev": lambda x, *, dimensions: np.flip(x, tuple(dimensions)),
    "select_n": lambda which, *cases: np.where(which, cases[1], cases[0]),
    "slice": _slice,
    "split": lambda x, *, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, tuple(dimensions)),
    "transpose": lambda x, *, permutation: np.transpose(x, permutation),
}


def carry_out(eqn: Any, *values: Any) -> list[Any]:
    """Return the results of one operation, by NumPy if it knows it."""
    name = eqn.primitive.name
    if name in _ENTRY_BY_ENTRY:
        return [_ENTRY_BY_ENTRY[name](*values)]
    if name in _OTHERS and not (name == "select_n" and len(values) > 3):
        result = _OTHERS[name](*map(np.asarray, values), **eqn.params)
        return result if isinstance(result, list) else [result]
    return [np.asarray(result) for result in bind(eqn, *values)]


def bind(eqn: Any, *values: Any) -> list[Any]:
    """Return the results of one operation by JAX."""
    given = eqn.primitive.get_bind_params(eqn.params)
    functions, params = given if isinstance(given, tuple) else ((), given)  # JAX before 0.10 gives a pair
    out = eqn.primitive.bind(*functions, *values, **params)
    return list(out) if eqn.primitive.multiple_results else [out]
