"""Benchmarks: handgrad and other programs that compute the same, side by side in one run."""

import importlib.util
from collections.abc import Iterable

__all__ = ["installed"]

#: The packages that programs need beyond those of the oracle.
_PACKAGES = {
    "jax": "jax",
    "hand in jax": "jax",
    "torch": "torch",
    "autograd": "autograd",
    "mygrad": "mygrad",
    "scikit-learn": "sklearn",
}


def installed(programs: Iterable[str]) -> list[str]:
    """Return the names of the programs whose packages are installed."""
    return [name for name in programs if name not in _PACKAGES or importlib.util.find_spec(_PACKAGES[name])]
