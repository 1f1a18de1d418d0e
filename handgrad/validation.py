"""Checks of arguments, whose errors say what an argument must be and what it is.

Shapes, dtypes and the range of the labels are checked before anything is computed, without a pass over the data.
Entries that are not finite are searched for only when a number that depends on all of them is not finite itself.
"""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.arrays.namespace import NUMPY, Array, arange, check_same_library, detached, is_array, library, namespace

# fmt: off
__all__ = [
    "NonFiniteError", "check_count", "check_finite", "check_inputs", "check_keys", "check_labels", "check_like",
    "check_reg", "number_in",
]
# fmt: on


class NonFiniteError(ValueError):
    """An input holds an infinity or a NaN, or the loss overflowed."""


def check_labels(y: Array, xp: Any, N: int, C: int, *, name: str = "y", reference: str = "the parameters") -> None:
    """Raise unless ``y`` is an array of (N,) integers in [0, C) of the library xp, and N and C are at least 1."""
    if not is_array(y):
        raise TypeError(f"{name} must be an array of integers, got {type(y).__name__}")
    if xp is NUMPY and isinstance(y, np.ndarray):
        is_integral = y.dtype.kind in "iu"
    else:
        xp = check_same_library(name, y, xp, reference)
        if is_integral := xp.isdtype(y.dtype, "integral"):
            y = xp.astype(y, arange(0, y).dtype, copy=False)  # PyTorch has no minimum of some dtypes
    if not is_integral:
        raise TypeError(f"{name} must be integers, got dtype {y.dtype}")
    if y.shape != (N,):
        raise ValueError(f"{name} must have shape ({N},), one label an example, got {y.shape}")
    if N == 0 or C == 0:
        raise ValueError(f"there must be at least one example and one class, got N = {N}, C = {C}")
    lowest, highest = number_in(xp.min(y)), number_in(xp.max(y))
    if lowest is not None and highest is not None and (lowest < 0 or highest >= C):
        wrong = lowest if lowest < 0 else highest
        raise ValueError(f"{name} must be in [0, {C}), got {int(wrong)}")


def check_reg(reg: Any, dtype: Any = None) -> Any:
    """Return ``reg`` as a number that does not change the dtype of an array it multiplies; raise if it is negative."""
    if isinstance(reg, bool | np.bool_) or (
        not isinstance(reg, int | float | np.number) and getattr(reg, "shape", None) != ()
    ):
        raise TypeError(f"reg must be a real number, got {type(reg).__name__}")
    number = number_in(reg)
    if number is None:  # traced: only the dtype is known
        return namespace(reg).astype(reg, dtype)
    if not 0 <= number < math.inf:
        raise ValueError(f"reg must be finite and at least 0, got {number}")
    return number


def check_inputs(
    params: Mapping[str, Array], X: Array, names: Sequence[str], *, input_grad: bool = False
) -> tuple[Any, Array]:
    """Return the array library and X in the parameters' dtype; raise unless the shapes chain into a network.

    ``names`` are the parameters in order: W1, b1, W2, b2, …
    """
    if input_grad:
        namespace(X)  # there is no gradient with respect to integers
    check_keys(params, names)
    arrays = [params[name] for name in names]
    xp = namespace(*arrays)
    dtype = arrays[0].dtype
    for a in arrays:
        if a.dtype != dtype:
            dtypes = ", ".join(f"{name} {params[name].dtype}" for name in names)
            raise TypeError(f"params must have one dtype, got {dtypes}")
    X = _real(X, xp, dtype)

    last, width = "X", X.shape
    if len(width) != 2:
        raise ValueError(f"X must have 2 dimensions (N, D), got shape {width}")
    for i in range(0, len(arrays), 2):
        W, b = arrays[i].shape, arrays[i + 1].shape
        if len(W) != 2 or W[0] != width[1]:
            raise ValueError(f"{names[i]} must have shape ({width[1]}, …) to follow {last} {width}, got {W}")
        if b != W[1:]:
            raise ValueError(f"{names[i + 1]} must have shape ({W[1]},) to go with {names[i]} {W}, got {b}")
        last, width = names[i], W
    if X.shape[0] == 0:
        raise ValueError(f"X must have at least one example, got shape {X.shape}")
    return xp, X


def check_keys(params: Mapping[str, Array], names: Sequence[str]) -> None:
    """Raise unless ``params`` is a dict of exactly these names."""
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of {', '.join(names)}, got {type(params).__name__}")
    if params.keys() != set(names):
        got = ", ".join(map(str, params)) or "none"
        raise ValueError(f"params must have the keys {', '.join(names)}, got {got}")


def check_like(params: Mapping[str, Array], arrays: Mapping[str, Array], owner: str) -> None:
    """Raise unless ``arrays`` have the keys, shapes and dtypes of ``params``."""
    if arrays.keys() != params.keys():
        expected, got = (", ".join(map(str, d)) or "none" for d in (params, arrays))
        raise ValueError(f"{owner} must have the parameters' keys {expected}, got {got}")
    for name, p in params.items():
        a = arrays[name]
        if type(a) is not type(p):
            check_same_library(f"{owner}: {name}", a, library(p), "the parameters")
        if a.shape != p.shape:
            raise ValueError(f"{owner} must have shape {p.shape} for {name}, got {a.shape}")
        if a.dtype != p.dtype:
            raise TypeError(f"{owner} must have dtype {p.dtype} for {name}, got {a.dtype}")


def check_finite(params: Mapping[str, Array], X: Array, *, witness: Array = 0.0, loss: Array = 0.0) -> None:
    """Raise :class:`NonFiniteError`, naming the first such entry, if ``witness`` or ``loss`` is not finite.

    A witness is a number that cannot be finite unless X is, so that X itself need not be read again. The sum of one
    column of z1 = X W1 + b1 will do: an infinity times any weight is an infinity or, at 0, a NaN.
    """
    seen, total = number_in(witness), number_in(loss)
    if (seen is None or math.isfinite(seen)) and (total is None or math.isfinite(total)):
        return
    for name, a in {"X": X, **params}.items():
        xp = namespace(a)
        bad = xp.reshape(~xp.isfinite(a), (-1,))
        if xp.any(bad):
            at = np.unravel_index(int(xp.argmax(xp.astype(bad, xp.int8))), a.shape)
            index = ", ".join(map(str, at))
            raise NonFiniteError(f"{name} must be finite, got {name}[{index}] = {float(a[at])}")
    if total is not None and not math.isfinite(total):
        raise NonFiniteError(f"the loss is {total} though all inputs are finite: it overflows {X.dtype}")


def _real(X: Array, xp: Any, dtype: Any) -> Array:
    """Return X in ``dtype``; raise unless it is floating, integer or boolean."""
    if not is_array(X):
        raise TypeError(f"X must be an array, got {type(X).__name__}")
    if xp is NUMPY and isinstance(X, np.ndarray):
        is_real = X.dtype.kind in "fiub"
    else:
        is_real = check_same_library("X", X, xp, "the parameters").isdtype(
            X.dtype, ("bool", "integral", "real floating")
        )
    if not is_real:
        raise TypeError(f"X must be real, got dtype {X.dtype}")
    return X if X.dtype == dtype else xp.astype(X, dtype)


def number_in(x: Any) -> float | None:
    """Return the number in a 0-d array, or None while ``jax.jit`` traces and there is none yet."""
    try:
        return float(detached(x))
    except TypeError:
        return None


def check_count(name: str, n: Any) -> int:
    """Return ``n`` as an int; raise unless it is an integer of at least 1."""
    if isinstance(n, bool) or not isinstance(n, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {type(n).__name__}")
    if n < 1:
        raise ValueError(f"{name} must be at least 1, got {n}")
    return int(n)
