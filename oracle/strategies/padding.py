"""Every problem padded to one shape, or two: ``jax.jit`` compiles for tenths of a second for each new one.

Padding does not change what is real: a row that does not count has weight 0, a class that does not exist has the score
−∞, and zeros elsewhere add nothing. What lies in the padding is cut off again.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.reference.annotations import operands_of

__all__ = ["pad", "pad_network", "pad_rule", "unpad"]

#: What all dimensions of a problem are padded to: the first that holds the largest, or a power of two beyond.
_SMALL, _LARGE = 8, 40


def pad_rule(
    twin: Callable[..., Any], args: tuple[NDArray[Any], ...], kwargs: Mapping[str, Any], cotangent: NDArray[Any]
) -> tuple[tuple[NDArray[Any], ...], dict[str, Any], NDArray[Any]]:
    """Return a rule's arguments, keywords and cotangent padded, with ``where`` added for a twin that takes it."""
    size = _size(*args, cotangent)
    padded = []
    for a, operand in zip(args, operands_of(twin).values()):
        padded.append(pad(a, size))
        for axis, d in enumerate(operand.shapes[0]):
            if d in operand.fill:  # in the real rows only: a padded row stays finite
                where = [slice(n) for n in a.shape]
                where[axis] = slice(a.shape[axis], None)
                padded[-1][tuple(where)] = operand.fill[d]
    kwargs = {k: pad(v, size) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    if "where" in twin.__annotations__:
        kwargs["where"] = np.arange(size) < args[0].shape[0]
    return tuple(padded), kwargs, pad(cotangent, size)


def pad_network(
    params: Mapping[str, NDArray[Any]], X: NDArray[Any], y: NDArray[Any]
) -> tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return a network's parameters, data and labels padded, and the mask of the rows that count."""
    size = _size(X, *params.values())
    padded = {name: pad(a, size) for name, a in params.items()}
    last = f"b{len(params) // 2}"
    padded[last][params[last].shape[0] :] = -np.inf
    return padded, pad(X, size), pad(y, size), np.arange(size) < X.shape[0]


def pad(a: NDArray[Any], size: int) -> NDArray[Any]:
    """Return ``a`` with zeros behind it, each dimension up to ``size``."""
    padded = np.zeros([size] * a.ndim, a.dtype)
    padded[tuple(slice(n) for n in a.shape)] = a
    return padded


def unpad(padded: Any, like: NDArray[Any]) -> NDArray[Any]:
    """Return the part of ``padded`` that has the shape of ``like``; leading axes are kept."""
    real: Any = (..., *(slice(n) for n in np.shape(like)))
    return np.asarray(np.asarray(padded)[real])


def _size(*arrays: NDArray[Any]) -> int:
    largest = max((n for a in arrays for n in a.shape), default=1)
    return _SMALL if largest <= _SMALL else max(_LARGE, 1 << (largest - 1).bit_length())
