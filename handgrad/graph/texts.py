"""Arrays in few characters, for traces and pictures."""

from typing import Any

import numpy as np

__all__ = ["norm", "number"]


def number(x: Any) -> str:
    """Return a number with four digits."""
    return f"{float(x) + 0.0:.4g}"  # + 0.0: zero without a sign


def norm(a: Any) -> str:
    """Return an array's norm, with its sign."""
    largest = np.max(np.abs(a), initial=0)
    if largest == 0 or not np.isfinite(largest):
        return f"‖·‖ {number(largest)}"
    return f"‖·‖ {number(largest * np.linalg.norm(np.ravel(a / largest)))}"  # squares neither overflow nor vanish
