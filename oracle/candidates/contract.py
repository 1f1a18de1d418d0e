"""The contract of rules and networks beyond correct numbers: shapes, dtypes, and arguments left alone."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Violation", "call", "shape_violations"]

Arrays = Mapping[str, NDArray[Any]]


class Violation(str):
    """A sentence that says which promise is broken, with the name of the cause and of the array."""

    cause: str
    array: str

    def __new__(cls, sentence: str, cause: str, array: str) -> Self:
        """Return the sentence with its cause and array."""
        violation = super().__new__(cls, sentence)
        violation.cause, violation.array = cause, array
        return violation


def call(run: Callable[[], Arrays], arguments: Arrays, like: Arrays) -> tuple[Arrays, tuple[Violation, ...]]:
    """Call ``run`` twice and return its first results and each promise that it breaks.

    ``arguments`` are the arrays that it is given, by name; ``like`` has an array of the right shape and dtype for each
    result.
    """
    before = {name: a.copy() for name, a in arguments.items()}
    first = run()
    kept = {name: np.array(a) for name, a in first.items()}
    second = run()

    written = (
        Violation(f"{name} was written to", "argument-mutated", name)
        for name, a in arguments.items()
        if not _same(a, before[name])
    )
    violations = (
        *written,
        *shape_violations(first, like),
        *_changes(kept, first, second),
        *_aliases(first, second, arguments),
    )
    return kept, tuple(violations)


def shape_violations(results: Arrays, like: Arrays, promoted: Any = None) -> Iterator[Violation]:
    """Yield each result that is missing, or has another shape or dtype than it should; it may have ``promoted``."""
    for name, right in like.items():
        if name not in results:
            yield Violation(f"{name} is missing", "gradient-missing", name)
            continue
        a = np.asarray(results[name])
        if a.shape != right.shape:
            yield Violation(f"{name} has shape {a.shape}, expected {right.shape}", "shape-wrong", name)
        elif a.dtype not in (right.dtype, promoted or right.dtype):
            cause = "dtype-promoted" if np.can_cast(right.dtype, a.dtype) else "dtype-demoted"
            yield Violation(f"{name} has dtype {a.dtype}, expected {right.dtype}", cause, name)


def _changes(kept: Arrays, first: Arrays, second: Arrays) -> Iterator[Violation]:
    for name, a in kept.items():
        if not _same(a, first[name]):
            yield Violation(f"{name} of an earlier call was changed by a later one", "result-aliased", name)
        if name not in second:
            yield Violation(f"{name} is missing from a second call", "non-deterministic", name)
        elif not _same(a, second[name]):
            if np.shape(a) == np.shape(second[name]) and np.allclose(second[name], 2 * a, rtol=1e-6, atol=0):
                yield Violation(f"{name} accumulates from call to call", "accumulated", name)
            else:
                yield Violation(f"{name} differs from call to call", "non-deterministic", name)


def _aliases(first: Arrays, second: Arrays, arguments: Arrays) -> Iterator[Violation]:
    for name, a in second.items():
        for other, b in (*arguments.items(), *((f"an earlier {n}", r) for n, r in first.items())):
            if np.may_share_memory(a, b):
                yield Violation(f"{name} shares memory with {other}", "result-aliased", name)


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=True)
