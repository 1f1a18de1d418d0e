"""Which array library the arguments belong to, so that each rule is written once for all of them."""

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "namespace"]

#: An array of any library that follows the Python array API standard, which defines no type to name it by.
Array: TypeAlias = Any


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
        ``numpy`` for NumPy arrays, else what ``__array_namespace__()`` returns.

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
        if not (isinstance(a, np.ndarray | np.generic) and a.dtype.kind == "f"):
            return _general_namespace(arrays)
    return np


def _general_namespace(arrays: tuple[Array, ...]) -> Any:
    found: dict[str, Any] = {}
    for a in arrays:
        if isinstance(a, np.ndarray | np.generic):
            xp: Any = np
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
