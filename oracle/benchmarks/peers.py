"""Which of the programs can be run here."""

import importlib.util
from collections.abc import Iterable

__all__ = ["installed"]

#: What must be installed for a program; the others need nothing that is not here.
_PACKAGES = {
    "jax": "jax",
    "hand in jax": "jax",
    "torch": "torch",
    "autograd": "autograd",
    "mygrad": "mygrad",
    "scikit-learn": "sklearn",
}


def installed(programs: Iterable[str]) -> list[str]:
    """Return the names of those programs whose packages are there."""
    return [name for name in programs if name not in _PACKAGES or importlib.util.find_spec(_PACKAGES[name])]
