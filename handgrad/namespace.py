"""Which array library the arguments belong to, so that each rule is written once for all of them."""

import types
from typing import Any, TypeAlias

import numpy as np

__all__ = ["NUMPY", "Array", "gather", "namespace", "scatter_add"]

#: An array of any library that follows the Python array API standard, which defines no type to name it by.
Array: TypeAlias = Any


def _reduction(ufunc: np.ufunc) -> Any:
    def reduce(x: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)

    return reduce


_NUMPYS = (np.ndarray, np.generic)  # a union of types would be made anew for each question

#: So few entries that the number of calls counts, and not what they do.
FEW = 8192


def all_bits(condition: Array, dtype: Any) -> Array:
    """Return integers as wide as a dtype, with every bit set where the condition holds and none elsewhere."""
    bits = condition.astype(f"i{dtype.itemsize}")
    return np.negative(bits, out=bits)


def _where(condition: Array, x: Array, y: Array) -> Array:
    if condition.size < FEW:
        return np.where(condition, x, y)
    dtype = np.result_type(x, y)
    if dtype.kind != "f" or np.broadcast_shapes(np.shape(x), np.shape(y), condition.shape) != condition.shape:
        return np.where(condition, x, y)
    bits = all_bits(condition, dtype)
    x, y = (np.asarray(a, dtype).view(bits.dtype) for a in (x, y))
    bits &= x ^ y
    bits ^= y
    return bits.view(dtype)


#: NumPy, but with reductions that go to their loop at once, which halves the time they take for a small array, and with
#: a ``where`` that has no branches, which a processor guesses wrong for every second entry: up to 25 times as fast.
NUMPY: Any = types.ModuleType("numpy")
NUMPY.__dict__.update(np.__dict__)
NUMPY.sum, NUMPY.max, NUMPY.min = map(_reduction, (np.add, np.maximum, np.minimum))
NUMPY.where = _where


def namespace(*arrays: Array) -> Any:
    """Return the array library that all ``arrays`` belong to, as a namespace of the array API standard.

    Parameters
    ----------
    *arrays
        Real floating arrays of one library: NumPy's, or any that answers ``__array_namespace__`` (JAX's,
        also under ``jax.jit``; CuPy's; array-api-strict's).

    Returns
    -------
    module
        :data:`NUMPY` for NumPy arrays, else what ``__array_namespace__()`` returns.

    Raises
    ------
    TypeError
        If an argument is no array, is not of a real floating dtype (a gradient with respect to integers
        does not exist), or belongs to another library than the first.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.namespace import namespace
    >>> namespace(np.ones(3)).__name__
    'numpy'
    """
    for a in arrays:  # NumPy's own arrays take the short way out: this runs before every rule
        if not (isinstance(a, _NUMPYS) and a.dtype.kind == "f"):
            return _general_namespace(arrays)
    return NUMPY


def _general_namespace(arrays: tuple[Array, ...]) -> Any:
    found: dict[str, Any] = {}
    for a in arrays:
        if isinstance(a, _NUMPYS):
            xp: Any = NUMPY
        elif hasattr(a, "__array_namespace__"):
            xp = a.__array_namespace__()
        else:
            raise TypeError(f"expected an array, given {type(a).__name__}")
        if not xp.isdtype(a.dtype, "real floating"):
            raise TypeError(f"expected a real floating array, given dtype {a.dtype}")
        found[xp.__name__] = xp
    if len(found) > 1:
        raise TypeError(f"expected arrays of one library, given {' and '.join(sorted(found))}")
    return next(iter(found.values()))


def gather(x: Array, index: Any) -> Array:
    """Return x[index]; in the standard, what a lone array of integers picks is called ``take``."""
    if isinstance(x, np.ndarray):
        return x[index]
    xp = namespace(x)
    if getattr(index, "ndim", 0) == 1 and xp.isdtype(index.dtype, "integral"):
        return xp.take(x, index, axis=0)
    return x[_in_full(index)]


def scatter_add(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Return z of the given shape with z[index] = x and zeros elsewhere; what falls on one place adds up.

    The standard lacks it, so each library has it here in its own words.

    Parameters
    ----------
    x : array
        Of the shape that z[index] has.
    index
        Integers, slices, ``...``, ``None``, arrays of integers or booleans, or a tuple of them. Beyond NumPy and JAX,
        arrays in it are of integers and have one dimension.
    shape : tuple of int

    Returns
    -------
    array of x's library and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.namespace import scatter_add
    >>> scatter_add(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 2]), (4,))
    array([1., 0., 5., 0.])
    """
    xp = namespace(x)
    if hasattr(xp, "scatter"):  # the computational graph's
        return xp.scatter(x, index=index, shape=shape)
    z = xp.zeros(shape, dtype=x.dtype)
    if hasattr(z, "at"):  # JAX's
        return z.at[index].add(x)
    parts = index if isinstance(index, tuple) else (index,)
    lengths = [part.shape[0] for part in parts if getattr(part, "ndim", 0)]
    if not lengths and not any(isinstance(part, list) for part in parts):
        place = _in_full(tuple(part for part in parts if part is not None))
        z[place] = xp.reshape(x, z[place].shape)  # no place is met twice
    elif xp is NUMPY:
        np.add.at(z, index, x)
    else:
        for k in range(lengths[0]):
            z[_in_full(tuple(int(part[k]) if hasattr(part, "ndim") else part for part in parts))] += x[k, ...]
    return z


def _in_full(index: Any) -> Any:
    """Return the index with ``...`` for the axes that it does not name, which the standard asks for."""
    parts = index if isinstance(index, tuple) else (index,)
    named = any(part is ... or getattr(part, "ndim", 0) for part in parts)
    return index if named else (*parts, ...)
