"""What every rule and network promises beside right numbers: the shape, the dtype, and to leave the rest alone."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["breaches"]


def breaches(
    run: Callable[[], Mapping[str, NDArray[Any]]],
    arguments: Mapping[str, NDArray[Any]],
    like: Mapping[str, NDArray[Any]],
) -> Iterator[str]:
    """Call ``run`` twice and yield a sentence for each promise that it breaks.

    ``arguments`` are the arrays that it is given, by name; ``like`` has an array of the right shape and dtype for each
    result.
    """
    before = {name: a.copy() for name, a in arguments.items()}
    first = run()
    kept = {name: np.array(a) for name, a in first.items()}
    second = run()

    for name, a in arguments.items():
        if not np.array_equal(a, before[name], equal_nan=True):
            yield f"{name} was written to"
    for name, right in like.items():
        if name not in first:
            yield f"{name} is missing"
        elif np.shape(first[name]) != right.shape:
            yield f"{name} has shape {np.shape(first[name])}, expected {right.shape}"
        elif np.asarray(first[name]).dtype != right.dtype:
            yield f"{name} has dtype {np.asarray(first[name]).dtype}, expected {right.dtype}"
    for name, a in kept.items():
        if not np.array_equal(a, second[name], equal_nan=True):
            yield f"{name} differs from call to call"
        if not np.array_equal(a, first[name], equal_nan=True):
            yield f"{name} of an earlier call was changed by a later one"
        for other, b in [*arguments.items(), *((f"an earlier {n}", r) for n, r in first.items())]:
            if np.may_share_memory(second[name], b):
                yield f"{name} shares memory with {other}"
