"""Reading entries by an index, and adding at an index, in any array library."""

from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array, WrappingNamespace, arange, library, name_of, namespace, zeros

__all__ = ["gather", "scatter_add"]


def gather(x: Array, index: Any) -> Array:
    """Return x[index]; for a lone array of integers the standard has ``take`` instead."""
    if isinstance(x, np.ndarray):
        return x[index]
    xp = library(x)
    if _ndim(index) == 1 and xp.isdtype(index.dtype, "integral"):
        return xp.take(x, index, axis=0)
    if name_of(xp) == "torch":
        x, index = _flip_negative_steps(x, index)
    return x[_with_ellipsis(index)]


def scatter_add(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Return z of the given shape with z[index] = x and zeros elsewhere; entries with the same index add up.

    The standard has no such function, so each library's own is used.

    Parameters
    ----------
    x : array
        Of the shape of z[index].
    index
        Integers, slices, ``...``, ``None``, arrays of integers or booleans, or a tuple of them. Beyond NumPy and JAX,
        arrays in it must be of integers and have one dimension.
    shape : tuple of int

    Returns
    -------
    array of x's library and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.arrays.indexing import scatter_add
    >>> scatter_add(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 2]), (4,))
    array([1., 0., 5., 0.])
    """
    xp = namespace(x)
    if isinstance(xp, WrappingNamespace):
        return xp.scatter(x, index=index, shape=shape)
    z, name = zeros(shape, x), name_of(xp)
    if name == "jax.numpy":
        return z.at[index].add(x)
    if name == "torch":
        targets = gather(arange(z.numel(), x).reshape(shape), index)
        return z.reshape(-1).index_add(0, targets.reshape(-1), x.reshape(-1)).reshape(shape)
    parts = index if isinstance(index, tuple) else (index,)
    lengths = [part.shape[0] for part in parts if _ndim(part)]
    if not lengths and not any(isinstance(part, list) for part in parts):
        target = _with_ellipsis(tuple(part for part in parts if part is not None))
        z[target] = xp.reshape(x, z[target].shape)  # no entry is met twice
    elif name in ("numpy", "cupy"):
        xp.add.at(z, index, x)
    else:
        for k in range(lengths[0]):
            z[_with_ellipsis(tuple(int(part[k]) if _ndim(part) else part for part in parts))] += x[k, ...]
    return z


def _ndim(part: Any) -> int:
    """Return the number of dimensions of a part of an index, 0 if it is no array."""
    return int(getattr(part, "ndim", 0))


def _with_ellipsis(index: Any) -> Any:
    """Return the index with ``...`` for the axes that it leaves out, as the standard requires."""
    parts = index if isinstance(index, tuple) else (index,)
    complete = any(part is ... or _ndim(part) for part in parts)
    return index if complete else (*parts, ...)


def _flip_negative_steps(x: Array, index: Any) -> tuple[Array, Any]:
    """Return x and the index, each flipped where a slice has a negative step: PyTorch has none."""
    parts = list(index if isinstance(index, tuple) else (index,))
    lengths = [_indexed_axes(part) for part in parts]
    axis = 0
    for i, part in enumerate(parts):
        if part is ...:
            axis = x.ndim - sum(lengths[i + 1 :])
        elif isinstance(part, slice) and (part.step or 1) < 0:
            n = x.shape[axis]
            chosen = range(*part.indices(n))
            start = n - 1 - chosen.start
            x, parts[i] = x.flip(axis), slice(start, start - len(chosen) * chosen.step, -chosen.step)
        axis += lengths[i]
    return x, tuple(parts) if isinstance(index, tuple) else parts[0]


def _indexed_axes(part: Any) -> int:
    """Return how many axes a part of an index selects from."""
    if part is None or part is ...:
        return 0
    return part.ndim if str(getattr(part, "dtype", "")).endswith("bool") else 1
