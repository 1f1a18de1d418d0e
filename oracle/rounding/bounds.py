"""Comparisons of two gradients, and the bound on each entry, from the spread of its values under perturbed rounding.

:mod:`oracle.rounding.monte_carlo` derives the spread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.rounding.monte_carlo import DRAWS

__all__ = ["FACTOR", "Comparison", "best_of", "bounds", "compare"]

FACTOR = 4


@dataclass(frozen=True)
class Comparison:
    """The entry of an array that lies furthest from what is expected, measured by its bound."""

    name: str
    index: tuple[int, ...]
    given: float
    expected: float
    bound: float

    @property
    def error(self) -> float:
        """The distance of the given value from the expected one; infinite if either is NaN."""
        difference = abs(self.given - self.expected)
        return difference if difference == difference else np.inf

    @property
    def excess(self) -> float:
        """The error as a multiple of its bound."""
        return self.error / self.bound

    @property
    def agrees(self) -> bool:
        """True if rounding explains the error."""
        return self.excess <= 1

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return (
            f"{self.name}{at} is {self.given!r}, expected {self.expected!r}: "
            f"the error {self.error:.1e} exceeds the bound {self.bound:.1e}"
        )


def bounds(spreads: NDArray[Any], *, scale: float, dtype: Any) -> NDArray[Any]:
    """Return each entry's bound from the values over the draws, the first of them unperturbed.

    ``scale`` is the largest factor by which a number that was flushed to zero may reach an entry.
    """
    limits = np.finfo(dtype)
    programs = 1 if limits.eps > np.finfo(float).eps else 2
    floor = DRAWS * limits.tiny * max(scale, 1.0)
    spread = np.max(np.abs(spreads[1:] - spreads[0]), axis=0)
    return np.asarray(programs * FACTOR * spread + limits.eps * np.abs(spreads[0]) + floor)


def compare(
    given: Mapping[str, Any], expected: Mapping[str, Any], bound: Mapping[str, NDArray[Any]]
) -> list[Comparison]:
    """Return the comparison of each array that is given, at its worst entry."""
    found = []
    for name, g in given.items():
        g, e, b = np.asarray(g, float), np.asarray(expected[name], float), bound[name]
        if g.size:
            with np.errstate(over="ignore", invalid="ignore"):  # an infinite error is reported as such
                excess = np.nan_to_num(np.abs(g - e) / b, nan=np.inf)
            at = tuple(map(int, np.unravel_index(np.argmax(excess), g.shape)))
            found.append(Comparison(name, at, float(g[at]), float(e[at]), float(b[at])))
    return found


def best_of(first: list[Comparison], second: list[Comparison]) -> list[Comparison]:
    """Return the first comparison of each array if it agrees, else the second."""
    return [a if a.agrees else b for a, b in zip(first, second)]
