"""The array library of a rule's arguments, so that each rule is written once for all of them."""

import functools
import importlib
from typing import Any, TypeAlias

import numpy as np

# fmt: off
__all__ = [
    "NUMPY", "SMALL_ARRAY", "Array", "WrappingNamespace", "all_bits", "arange", "check_same_library", "detached",
    "device", "is_array", "library", "name_of", "namespace", "to_numpy", "underlying_namespace", "zeros",
]
# fmt: on

#: An array of any library that follows the Python array API standard, which defines no type for it.
Array: TypeAlias = Any

_NUMPY_TYPES = (np.ndarray, np.generic)  # a union of types would be built anew by each call

#: Below this many entries the number of calls decides the time, and not what they compute.
SMALL_ARRAY = 8192


class _PatchedLibrary:
    """The functions of a library, some of them replaced; as plain attributes they are found as fast as a module's."""

    def __init__(self, library: Any, name: str, **replaced: Any) -> None:
        self.__dict__.update(vars(library) | replaced, __name__=name)


class WrappingNamespace:
    """Base class of namespaces whose arrays wrap arrays of another library, as the computational graph's do."""

    library_of_values: Any
    #: The differentiable ``scatter(x, *, index, shape)``: z[index] = x, and zeros elsewhere.
    scatter: Any


def _reduction(ufunc: np.ufunc) -> Any:
    def reduce(x: Array, *, axis: Any = None, keepdims: bool = False) -> Array:
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)

    return reduce


def all_bits(condition: Array, dtype: Any) -> Array:
    """Return integers as wide as a dtype, with every bit set where the condition holds and none elsewhere."""
    bits = condition.astype(f"i{dtype.itemsize}")
    return np.negative(bits, out=bits)


def _where(condition: Array, x: Array, y: Array) -> Array:
    if condition.size < SMALL_ARRAY:
        return np.where(condition, x, y)
    dtype = np.result_type(x, y)
    if dtype.kind != "f" or np.broadcast_shapes(np.shape(x), np.shape(y), condition.shape) != condition.shape:
        return np.where(condition, x, y)
    bits = all_bits(condition, dtype)
    x, y = (np.asarray(a, dtype).view(bits.dtype) for a in (x, y))
    bits &= x ^ y
    bits ^= y
    return bits.view(dtype)


#: NumPy, but with reductions that call the ufunc's loop directly, which halves their time on a small array, and with a
#: ``where`` without branches, which a processor mispredicts for every second entry: up to 25 times as fast.
NUMPY: Any = _PatchedLibrary(
    np, "numpy", sum=_reduction(np.add), max=_reduction(np.maximum), min=_reduction(np.minimum), where=_where
)


def namespace(*arrays: Array) -> Any:
    """Return the array library of all ``arrays``, as a namespace of the array API standard.

    Parameters
    ----------
    *arrays
        Real floating arrays of one library: NumPy's, or any with ``__array_namespace__`` (JAX's, also under
        ``jax.jit``; array-api-strict's), or PyTorch's or CuPy's by way of array-api-compat.

    Returns
    -------
    namespace
        :data:`NUMPY` for NumPy arrays, else what ``__array_namespace__()`` or array-api-compat returns.

    Raises
    ------
    TypeError
        If an argument is no array, has no real floating dtype (there is no gradient with respect to integers), or
        belongs to another library than the first.
    ImportError
        If an array is PyTorch's or CuPy's and array-api-compat, the extra ``arrays``, is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.arrays.namespace import namespace
    >>> namespace(np.ones(3)).__name__
    'numpy'
    """
    for a in arrays:  # a short cut for NumPy's own arrays: this runs before every rule
        if not (isinstance(a, _NUMPY_TYPES) and a.dtype.kind == "f"):
            return _general_namespace(arrays)
    return NUMPY


def _general_namespace(arrays: tuple[Array, ...]) -> Any:
    xp = library(arrays[0])
    for a in arrays:
        if not (other := library(a)).isdtype(a.dtype, "real floating"):
            raise TypeError(f"argument must be a real floating array, got dtype {a.dtype}")
        if other is not xp:
            names = " and ".join(sorted({name_of(library(a)) for a in arrays}))
            raise TypeError(f"arguments must be arrays of one library, got {names}")
    return xp


def library(a: Array) -> Any:
    """Return the namespace of an array of any dtype; raise TypeError if it is no array."""
    if isinstance(a, _NUMPY_TYPES):
        return NUMPY
    if not is_array(a):
        raise TypeError(f"argument must be an array, got {type(a).__name__}")
    return _compat_namespace(a.__class__) or a.__array_namespace__()


def is_array(a: Any) -> bool:
    """Return True for an array, or NumPy scalar, of any library and dtype."""
    if isinstance(a, _NUMPY_TYPES):
        return True
    return hasattr(a, "__array_namespace__") or _compat_namespace(a.__class__) is not None


def check_same_library(name: str, a: Array, xp: Any, reference: str) -> Any:
    """Return the namespace of an array; raise unless it is ``xp``, or what the Variables of ``xp`` hold."""
    found, expected = underlying_namespace(library(a)), underlying_namespace(xp)
    if found is not expected:
        raise TypeError(f"{name} must be an array of {name_of(expected)}, as {reference} are, got {name_of(found)}")
    return found


def underlying_namespace(xp: Any) -> Any:
    """Return the library of the arrays that the graph's Variables hold; any other namespace unchanged."""
    return xp.library_of_values if isinstance(xp, WrappingNamespace) else xp


@functools.lru_cache(maxsize=128)
def _packages(kind: Any) -> set[str]:
    """Return the packages that define a type and its bases."""
    return {base.__module__.partition(".")[0] for base in kind.__mro__}


@functools.lru_cache(maxsize=128)
def _compat_namespace(kind: Any) -> Any:
    """Return the namespace of PyTorch's or CuPy's arrays, whose own functions deviate from the standard, else None."""
    for name in _packages(kind) & {"torch", "cupy"}:
        try:
            xp = importlib.import_module(f"array_api_compat.{name}")
        except ImportError:
            raise ImportError(f"arrays of {name} need array-api-compat: pip install 'handgrad[arrays]'") from None
        return _differentiable_torch(xp) if name == "torch" else xp
    return None


@functools.lru_cache(maxsize=1)
def _differentiable_torch(torch: Any) -> Any:
    """Return PyTorch's namespace with an ``asarray`` that PyTorch differentiates through; its own may not be."""

    def asarray(a: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
        if isinstance(a, torch.Tensor):
            return a.to(device or a.device, dtype or a.dtype, copy=bool(copy))
        return torch.asarray(a, dtype=dtype, device=device, copy=copy)

    return _PatchedLibrary(torch, "torch", asarray=asarray)


def name_of(xp: Any) -> str:
    """Return the name of a library as its users know it."""
    name: str = xp.__name__
    return name.removeprefix("array_api_compat.")


def detached(a: Any) -> Any:
    """Return a PyTorch tensor without its gradient, which PyTorch would warn of; anything else unchanged."""
    return a.detach() if not isinstance(a, _NUMPY_TYPES) and "torch" in _packages(a.__class__) else a


def to_numpy(a: Array) -> Any:
    """Return an array of any library as NumPy's, copied from its device where that is not the CPU."""
    packages = _packages(a.__class__)
    if "torch" in packages:
        return np.asarray(detached(a).cpu())
    return np.asarray(a.get() if "cupy" in packages else a)


def arange(n: int, like: Array) -> Array:
    """Return 0, 1, …, n − 1 on the device of ``like``."""
    if isinstance(like, _NUMPY_TYPES):
        return np.arange(n)
    return library(like).arange(n, **device(like))


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return zeros of the dtype of ``like``, on its device."""
    if isinstance(like, _NUMPY_TYPES):
        return np.zeros(shape, like.dtype)
    return library(like).zeros(shape, dtype=like.dtype, **device(like))


def device(like: Array) -> dict[str, Any]:
    """Return ``{"device": like.device}``, or ``{}`` for NumPy and for JAX, which places new arrays itself."""
    if isinstance(like, _NUMPY_TYPES):
        return {}
    name = name_of(underlying_namespace(library(like)))
    return {} if name in ("numpy", "jax.numpy") else {"device": like.device}
