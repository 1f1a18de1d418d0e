"""Arrays in few characters, for traces and pictures."""

from typing import Any

import numpy as np

__all__ = ["norm", "number"]


def number(x: Any, digits: int) -> str:
    """Return a number with so many digits."""
    return f"{float(x) + 0.0:.{digits}g}"  # + 0.0: zero without a sign


def norm(a: Any, digits: int) -> str:
    """Return an array's norm, with its sign."""
    largest = np.max(np.abs(a), initial=0)
    if largest == 0 or not np.isfinite(largest):
        return f"‖·‖ {number(largest, digits)}"
    within = np.linalg.norm(np.ravel(a / largest))  # whose squares neither overflow nor vanish
    return f"‖·‖ {number(largest * within, digits)}"
