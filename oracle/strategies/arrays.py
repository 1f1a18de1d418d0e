"""Arrays of problems: their sizes, entries and order in memory, and as source code.

Hypothesis draws what decides whether a mistake shows (dimensions, scales, features, labels, dtype) and a seed; NumPy
makes the entries from the seed. So a problem costs a millisecond, and shrinks to small dimensions, small integers and
no feature that the failure does not need.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = ["DTYPES", "SCALES", "SEEDS", "copied", "draw_sizes", "entries", "laid_out", "literal"]

MAX_SIZE = 8
#: Larger dimensions, for code that works in blocks and goes wrong after the last whole one.
LARGE_SIZES = (9, 17, 33, 40)

#: Scales of entries, the simplest first: a failing problem shrinks towards it.
SCALES = ("integers", "ordinary", "small", "tens", "thousands")
_FACTORS = {"ordinary": 1.0, "small": 1e-3, "tens": 10.0, "thousands": 1e3, "ten thousands": 1e4}

# Built once: Hypothesis validates a strategy each time it is built anew, which costs more than to draw from it.
# No two have the same elements: with equal strategies Hypothesis spends five of six examples on permutations.
DTYPES = st.sampled_from((np.float64, np.float32))
# Four small numbers, not a large one: for large ones Hypothesis reuses constants of the modules that are loaded, and
# the same seed would draw something else in another process.
SEEDS = st.tuples(*(st.sampled_from(range(n)) for n in (97, 98, 99, 100)))
_KINDS_OF_SIZES = st.sampled_from(("any", "equal", "distinct"))
_KINDS_WITH_LARGE = st.sampled_from(("any", "equal", "distinct") * 2 + ("one large",))
_LARGE = st.sampled_from([(i, n) for i in (0, 0, 1, 2, 3) for n in LARGE_SIZES])  # the batch more often than another


@functools.lru_cache(256)
def _size(name: str) -> st.SearchStrategy[tuple[str, int]]:
    """Return a strategy for a dimension, 1 more often than another: that is where most goes wrong."""
    return st.sampled_from([(name, n) for n in (1, *range(1, MAX_SIZE + 1))])


def draw_sizes(draw: st.DrawFn, names: Sequence[str], *, large: bool) -> dict[str, int]:
    """Draw dimensions from 1 up: independent ones; all equal, which hides a transpose; all distinct; or one large."""
    sizes = dict(draw(_size(name)) for name in names)
    kind = draw(_KINDS_WITH_LARGE if large else _KINDS_OF_SIZES)
    if kind == "equal":
        return dict.fromkeys(names, sizes[names[0]])
    if kind == "distinct":
        left = list(range(1, MAX_SIZE + 1))
        return {name: left.pop(min(size, len(left)) - 1) for name, size in sizes.items()}
    if kind == "one large":
        which, size = draw(_LARGE)
        sizes[names[which % len(names)]] = size
    return sizes


def entries(rng: np.random.Generator, shape: tuple[int, ...], scale: str) -> NDArray[Any]:
    """Return random entries of a scale, in float64."""
    if scale == "integers":  # with zeros and ties: every kink is hit exactly
        return rng.integers(-2, 3, shape).astype(float)
    if scale == "tails":  # magnitudes spread evenly over the exponents
        return rng.choice((-1.0, 1.0), shape) * 10.0 ** rng.uniform(-8, 4, shape)
    return _FACTORS[scale] * rng.standard_normal(shape)


def laid_out(
    a: NDArray[Any], dtype: Any, rng: np.random.Generator, layout: str, read_only: bool = False
) -> NDArray[Any]:
    """Return an array in a dtype, with the same entries in another order in memory if the layout is "mixed"."""
    a = np.asarray(a, dtype)
    if layout == "mixed" and a.ndim:
        kind = rng.integers(4)
        if kind == 1:
            a = np.asfortranarray(a)
        elif kind == 2:  # every second entry of a wider array
            a = np.repeat(a, 2, axis=-1)[..., ::2]
        elif kind == 3:  # backwards in memory
            a = a[::-1].copy()[::-1]
    if read_only:
        a.flags.writeable = False
    return a


def copied(a: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of an array in the same memory layout, read-only if it is."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        copy = a.copy(order="K")
    elif any(stride < 0 for stride in a.strides):
        copy = a[::-1].copy()[::-1]
    else:
        copy = a.repeat(2, axis=-1)[..., ::2]
    copy.flags.writeable = a.flags.writeable
    return copy


def literal(a: Any) -> str:
    """Return the source code of an array, in its memory layout, or of another value."""
    if isinstance(a, tuple):
        return f"({', '.join(map(literal, a))}{',' * (len(a) == 1)})"
    if isinstance(a, dict):
        return f"{{{', '.join(f'{key!r}: {literal(child)}' for key, child in a.items())}}}".replace("'", '"')
    if isinstance(a, list):
        return f"[{', '.join(map(literal, a))}]"
    if not isinstance(a, np.ndarray):
        return "..." if a is ... else repr(a)
    dtype = "" if a.dtype in (np.float64, np.int64) else f", np.{a.dtype}"
    code = f"np.array({a.tolist()!r}{dtype})" if a.size else f"np.zeros({a.shape}, np.{a.dtype})"
    if a.flags.c_contiguous:
        return code
    if a.flags.f_contiguous:
        return code + '.copy(order="F")'
    return code + (
        "[::-1].copy()[::-1]" if any(stride < 0 for stride in a.strides) else ".repeat(2, axis=-1)[..., ::2]"
    )
