"""The operations that JAX breaks a program into, carried out by NumPy, which needs no compiler for a new shape.

Each is carried out on many values at once: the first axis of every operand and result counts them, and JAX's operation
does not see it. JAX itself evaluates the operations that are not in the tables, one at a time.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

__all__ = ["aligned", "bind", "evaluate"]

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


def _shifted(axes: Any) -> tuple[int, ...]:
    """Return the axes counted from the second: the first counts the values."""
    return tuple(axis + 1 for axis in axes)


def _broadcast_in_dim(x: NDArray[Any], *, shape: Any, broadcast_dimensions: Any, **_: Any) -> Any:
    kept = [len(x)] + [1] * len(shape)
    for i, n in zip(broadcast_dimensions, x.shape[1:]):
        kept[i + 1] = n
    return np.broadcast_to(x.reshape(kept), (len(x), *shape))


def _dot_general(x: NDArray[Any], y: NDArray[Any], *, dimension_numbers: Any, **_: Any) -> Any:
    (summed_x, summed_y), (batch_x, batch_y) = (map(_shifted, pair) for pair in dimension_numbers)
    free_x = [i for i in range(1, x.ndim) if i not in (*summed_x, *batch_x)]
    free_y = [i for i in range(1, y.ndim) if i not in (*summed_y, *batch_y)]
    batch, terms, rows, columns = (
        [a.shape[i] for i in axes] for a, axes in ((x, (0, *batch_x)), (x, summed_x), (x, free_x), (y, free_y))
    )
    x = x.transpose(0, *batch_x, *free_x, *summed_x).reshape(*batch, math.prod(rows), math.prod(terms))
    y = y.transpose(0, *batch_y, *summed_y, *free_y).reshape(*batch, math.prod(terms), math.prod(columns))
    return (x @ y).reshape(*batch, *rows, *columns)


def _pad(x: NDArray[Any], value: NDArray[Any], *, padding_config: Any) -> Any:
    """Put gaps between the entries, then padding before and after them; negative padding cuts off."""
    gaps = [(0, 0, 0), *padding_config]  # none between the many
    spread = [n + max(n - 1, 0) * gap for n, (_, _, gap) in zip(x.shape, gaps)]
    padded = np.empty([n + max(lo, 0) + max(hi, 0) for n, (lo, hi, _) in zip(spread, gaps)], x.dtype)
    padded[...] = value.reshape(-1, *(1 for _ in padding_config))
    padded[tuple(slice(max(lo, 0), max(lo, 0) + n, gap + 1) for n, (lo, _, gap) in zip(spread, gaps))] = x
    return padded[tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi, _) in zip(padded.shape, gaps))]


def _slice(x: NDArray[Any], *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    return x[:, *map(slice, start_indices, limit_indices, strides or [1] * (x.ndim - 1))]


def _places(
    shape: tuple[int, ...], indices: NDArray[Any], axes: Any, along: Any, sizes: Any
) -> NDArray[np.int64] | None:
    """Return the numbers of the entries in a window of these sizes at each index, or None if one reaches beyond.

    An index says where the window begins on these axes, and for pairs of axes ``along`` which it goes along itself.
    """
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    starts = np.zeros(indices.shape[:-1], np.int64)
    for index, axis in zip(np.moveaxis(indices, -1, 0), axes):
        if np.any(index < 0) or np.any(index > shape[axis] - sizes[axis]):
            return None
        starts += index * strides[axis]
    for axis, of_indices in along:
        starts += np.indices(starts.shape, sparse=True)[of_indices + 1] * strides[axis]
    window = np.arange(math.prod(shape)).reshape(shape)[tuple(map(slice, sizes))]
    return starts.reshape(*starts.shape, *(1 for _ in sizes)) + window


def _gather(x: NDArray[Any], indices: NDArray[Any], *, dimension_numbers: Any, slice_sizes: Any, **_: Any) -> Any:
    d = dimension_numbers
    along = zip(d.operand_batching_dims, d.start_indices_batching_dims)
    places = _places(x.shape[1:], indices, d.start_index_map, along, slice_sizes)
    if places is None:
        return NotImplemented
    found = np.take_along_axis(x.reshape(len(x), -1), places.reshape(len(x), -1), axis=1).reshape(places.shape)
    first = indices.ndim - 1  # axis of the windows
    found = np.squeeze(found, tuple(first + axis for axis in (*d.collapsed_slice_dims, *d.operand_batching_dims)))
    return np.moveaxis(found, range(first, found.ndim), _shifted(d.offset_dims))


def _scatter_add(
    x: NDArray[Any], indices: NDArray[Any], updates: NDArray[Any], *, dimension_numbers: Any, **_: Any
) -> Any:
    d = dimension_numbers
    window = _shifted(d.update_window_dims)
    along = zip(d.operand_batching_dims, d.scatter_indices_batching_dims)
    left = iter(window)
    ones = (*d.inserted_window_dims, *d.operand_batching_dims)
    sizes = [1 if axis in ones else updates.shape[next(left)] for axis in range(x.ndim - 1)]
    places = _places(x.shape[1:], indices, d.scatter_dims_to_operand_dims, along, sizes)
    if places is None:
        return NotImplemented
    added = np.moveaxis(updates, window, range(updates.ndim - len(window), updates.ndim)).reshape(len(x), -1)
    z = x.reshape(len(x), -1).copy()
    np.add.at(z, (np.arange(len(x))[:, None], places.reshape(len(x), -1)), added)
    return z.reshape(x.shape)


def _select_n(which: NDArray[Any], *cases: NDArray[Any]) -> Any:
    return np.where(aligned(which, cases[0].ndim), cases[1], cases[0]) if len(cases) == 2 else NotImplemented


#: ``NotImplemented`` leaves the operation to JAX.
_OTHERS: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": lambda *xs, dimension: np.concatenate(xs, dimension + 1),
    "convert_element_type": lambda x, *, new_dtype, **_: x.astype(new_dtype),
    "dot_general": _dot_general,
    "gather": _gather,
    "integer_pow": lambda x, *, y: np.power(x, float(y)),
    "pad": _pad,
    "reduce_max": lambda x, *, axes, **_: np.max(x, axis=_shifted(axes)),
    "reduce_min": lambda x, *, axes, **_: np.min(x, axis=_shifted(axes)),
    "reduce_sum": lambda x, *, axes, **_: np.sum(x, axis=_shifted(axes)),
    "reshape": lambda x, *, new_sizes, **_: np.reshape(x, (len(x), *new_sizes)),
    "rev": lambda x, *, dimensions: np.flip(x, _shifted(dimensions)),
    "scatter-add": _scatter_add,
    "select_n": _select_n,
    "slice": _slice,
    "split": lambda x, *, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis + 1),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, _shifted(dimensions)),
    "transpose": lambda x, *, permutation: np.transpose(x, (0, *_shifted(permutation))),
}


def evaluate(eqn: Any, *values: NDArray[Any]) -> list[Any]:
    """Return the results of one operation, by NumPy if it knows it."""
    name = eqn.primitive.name
    if name in _ENTRY_BY_ENTRY:
        ndim = max(value.ndim for value in values)
        return [_ENTRY_BY_ENTRY[name](*(aligned(value, ndim) for value in values))]
    result = _OTHERS[name](*values, **eqn.params) if name in _OTHERS else NotImplemented
    if result is not NotImplemented:
        return result if isinstance(result, list) else [result]
    return [np.asarray(result) for result in jax.vmap(functools.partial(bind, eqn))(*values)]


def aligned(x: Any, ndim: int, leading: int = 1) -> Any:
    """Return x with axes of length 1 after the leading ones, so that a scalar broadcasts with arrays."""
    return x if x.ndim == ndim else x.reshape(x.shape[:leading] + (1,) * (ndim - leading))


def bind(eqn: Any, *values: Any) -> list[Any]:
    """Return the results of one operation by JAX."""
    given = eqn.primitive.get_bind_params(eqn.params)
    functions, params = given if isinstance(given, tuple) else ((), given)  # JAX before 0.10 gives a pair
    out = eqn.primitive.bind(*functions, *values, **params)
    return list(out) if eqn.primitive.multiple_results else [out]
