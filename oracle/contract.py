"""What every rule and network promises beside right numbers: the shape, the dtype, and to leave the rest alone."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["call"]

Arrays = Mapping[str, NDArray[Any]]


def call(run: Callable[[], Arrays], arguments: Arrays, like: Arrays) -> tuple[Arrays, tuple[str, ...]]:
    """Call ``run`` twice and return its first results and a sentence for each promise that it breaks.

    ``arguments`` are the arrays that it is given, by name; ``like`` has an array of the right shape and dtype for each
    result.
    """
    before = {name: a.copy() for name, a in arguments.items()}
    first = run()
    kept = {name: np.array(a) for name, a in first.items()}
    second = run()

    written = (f"{name} was written to" for name, a in arguments.items() if not _same(a, before[name]))
    breaches = (*written, *_misfits(first, like), *_changes(kept, first, second), *_aliases(first, second, arguments))
    return kept, tuple(breaches)


def _misfits(results: Arrays, like: Arrays) -> Iterator[str]:
    for name, right in like.items():
        if name not in results:
            yield f"{name} is missing"
        elif np.shape(results[name]) != right.shape:
            yield f"{name} has shape {np.shape(results[name])}, expected {right.shape}"
        elif np.asarray(results[name]).dtype != right.dtype:
            yield f"{name} has dtype {np.asarray(results[name]).dtype}, expected {right.dtype}"


def _changes(kept: Arrays, first: Arrays, second: Arrays) -> Iterator[str]:
    for name, a in kept.items():
        if not _same(a, first[name]):
            yield f"{name} of an earlier call was changed by a later one"
        if name not in second:
            yield f"{name} is missing from a second call"
        elif not _same(a, second[name]):
            doubled = np.allclose(second[name], 2 * a, rtol=1e-6, atol=0)
            yield f"{name} accumulates from call to call" if doubled else f"{name} differs from call to call"


def _aliases(first: Arrays, second: Arrays, arguments: Arrays) -> Iterator[str]:
    for name, a in second.items():
        for other, b in (*arguments.items(), *((f"an earlier {n}", r) for n, r in first.items())):
            if np.may_share_memory(a, b):
                yield f"{name} shares memory with {other}"


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=True)
