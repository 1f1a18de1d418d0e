"""Which array library the arguments belong to, so that each rule is written once for all of them."""

import functools
import importlib
import types
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "NUMPY",
    "Array",
    "arange",
    "device",
    "gather",
    "library",
    "name_of",
    "namespace",
    "plainly",
    "require_alike",
    "scatter_add",
    "zeros",
]

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
        also under ``jax.jit``; array-api-strict's), or PyTorch's or CuPy's by way of array-api-compat.

    Returns
    -------
    module
        :data:`NUMPY` for NumPy arrays, else what ``__array_namespace__()`` or array-api-compat returns.

    Raises
    ------
    TypeError
        If an argument is no array, is not of a real floating dtype (a gradient with respect to integers
        does not exist), or belongs to another library than the first.
    ImportError
        If an array is PyTorch's or CuPy's and array-api-compat, the extra ``arrays``, is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.arrays.namespace import namespace
    >>> namespace(np.ones(3)).__name__
    'numpy'
    """
    for a in arrays:  # NumPy's own arrays take the short way out: this runs before every rule
        if not (isinstance(a, _NUMPYS) and a.dtype.kind == "f"):
            return _general_namespace(arrays)
    return NUMPY


def _general_namespace(arrays: tuple[Array, ...]) -> Any:
    xp = library(arrays[0])
    for a in arrays:
        if not (other := library(a)).isdtype(a.dtype, "real floating"):
            raise TypeError(f"expected a real floating array, given dtype {a.dtype}")
        if other is not xp:
            given = " and ".join(sorted({name_of(library(a)) for a in arrays}))
            raise TypeError(f"expected arrays of one library, given {given}")
    return xp


def library(a: Array) -> Any:
    """Return the namespace of an array of whatever dtype; raise if it is none."""
    if isinstance(a, _NUMPYS):
        return NUMPY
    kind: Any = type(a)
    if (xp := _by_compat(kind)) is not None:
        return xp
    if hasattr(a, "__array_namespace__"):
        return a.__array_namespace__()
    raise TypeError(f"expected an array, given {type(a).__name__}")


def require_alike(what: str, a: Array, xp: Any, whose: str) -> Any:
    """Return the namespace of an array; raise unless it is ``xp``, or what the Variables of ``xp`` hold."""
    given, expected = plainly(library(a)), plainly(xp)
    if given is not expected:
        raise TypeError(f"{what} expected an array of {name_of(expected)} as {whose} are, given {name_of(given)}")
    return given


def plainly(xp: Any) -> Any:
    """Return the library of the arrays that the graph's Variables hold; any other namespace as it is."""
    return getattr(xp, "library_of_values", xp)


@functools.cache
def _by_compat(kind: type) -> Any:
    """Return the namespace of PyTorch's or CuPy's arrays, whose own functions do not all keep to the standard.

    None for any other type.
    """
    roots = {base.__module__.partition(".")[0] for base in kind.__mro__}
    for name in roots & {"torch", "cupy"}:
        try:
            xp = importlib.import_module(f"array_api_compat.{name}")
        except ImportError:
            raise ImportError(f"arrays of {name} need array-api-compat: pip install 'handgrad[arrays]'") from None
        return _recorded(xp) if name == "torch" else xp
    return None


@functools.cache
def _recorded(torch: Any) -> Any:
    """Return PyTorch's namespace with an ``asarray`` that PyTorch differentiates through, which its own may not be."""

    def asarray(a: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
        if hasattr(a, "detach"):
            return a.to(device or a.device, dtype or a.dtype, copy=bool(copy))
        return torch.asarray(a, dtype=dtype, device=device, copy=copy)

    xp: Any = types.ModuleType("torch")
    xp.__dict__.update(torch.__dict__)
    xp.__name__, xp.asarray = "torch", asarray
    return xp


def name_of(xp: Any) -> str:
    """Return what a library is called by those who use it."""
    name: str = xp.__name__
    return name.removeprefix("array_api_compat.")


def arange(n: int, like: Array) -> Array:
    """Return 0, 1, …, n − 1 where ``like`` is."""
    if isinstance(like, _NUMPYS):
        return np.arange(n)
    return library(like).arange(n, **device(like))


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return zeros of the dtype of ``like``, and where that is."""
    if isinstance(like, _NUMPYS):
        return np.zeros(shape, like.dtype)
    return library(like).zeros(shape, dtype=like.dtype, **device(like))


def device(like: Array) -> dict[str, Any]:
    """Return the keyword by which a new array comes to be where ``like`` is; none for JAX, which moves it by itself."""
    while hasattr(like, "parents"):  # a Variable of the computational graph's
        like = like.value
    return {} if isinstance(like, _NUMPYS) or hasattr(like, "at") else {"device": like.device}


def gather(x: Array, index: Any) -> Array:
    """Return x[index]; in the standard, what a lone array of integers picks is called ``take``."""
    if isinstance(x, np.ndarray):
        return x[index]
    xp = library(x)
    if getattr(index, "ndim", 0) == 1 and xp.isdtype(index.dtype, "integral"):
        return xp.take(x, index, axis=0)
    if hasattr(x, "index_add"):  # PyTorch's
        x, index = _forwards(x, index)
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
    >>> from handgrad.arrays.namespace import scatter_add
    >>> scatter_add(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 2]), (4,))
    array([1., 0., 5., 0.])
    """
    xp = namespace(x)
    if plainly(xp) is not xp:  # the computational graph's
        return xp.scatter(x, index=index, shape=shape)
    z = zeros(shape, x)
    if hasattr(z, "at"):  # JAX's
        return z.at[index].add(x)
    if hasattr(z, "index_add"):  # PyTorch's
        places = gather(arange(z.numel(), x).reshape(shape), index)
        return z.reshape(-1).index_add(0, places.reshape(-1), x.reshape(-1)).reshape(shape)
    parts = index if isinstance(index, tuple) else (index,)
    lengths = [part.shape[0] for part in parts if getattr(part, "ndim", 0)]
    if not lengths and not any(isinstance(part, list) for part in parts):
        place = _in_full(tuple(part for part in parts if part is not None))
        z[place] = xp.reshape(x, z[place].shape)  # no place is met twice
    elif hasattr(xp.add, "at"):  # NumPy's and CuPy's
        xp.add.at(z, index, x)
    else:
        for k in range(lengths[0]):
            z[_in_full(tuple(int(part[k]) if hasattr(part, "ndim") else part for part in parts))] += x[k, ...]
    return z


def _in_full(index: Any) -> Any:
    """Return the index with ``...`` for the axes that it does not name, which the standard asks for."""
    parts = index if isinstance(index, tuple) else (index,)
    named = any(part is ... or getattr(part, "ndim", 0) for part in parts)
    return index if named else (*parts, ...)


def _forwards(x: Array, index: Any) -> tuple[Array, Any]:
    """Return x and the index with slices that go backwards turned round in both: PyTorch knows none."""
    parts = list(index if isinstance(index, tuple) else (index,))
    lengths = [_axes_of(part) for part in parts]
    axis = 0
    for i, part in enumerate(parts):
        if part is ...:
            axis = x.ndim - sum(lengths[i + 1 :])
        elif isinstance(part, slice) and (part.step or 1) < 0:
            n = x.shape[axis]
            places = range(*part.indices(n))
            start = n - 1 - places.start
            x, parts[i] = x.flip(axis), slice(start, start - len(places) * places.step, -places.step)
        axis += lengths[i]
    return x, tuple(parts) if isinstance(index, tuple) else parts[0]


def _axes_of(part: Any) -> int:
    """Return how many axes a part of an index is about."""
    if part is None or part is ...:
        return 0
    return part.ndim if str(getattr(part, "dtype", "")).endswith("bool") else 1
