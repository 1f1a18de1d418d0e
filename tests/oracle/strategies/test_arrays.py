"""Sizes, entries and layouts of arrays, and their source code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.strategies.arrays import MAX_SIZE, SCALES, copied, draw_sizes, entries, laid_out, literal

LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
}
a = np.arange(12.0).reshape(3, 4)


@given(data=st.data(), large=st.booleans())
def test_sizes_are_small_and_at_most_one_is_large(data, large):
    sizes = draw_sizes(data.draw, ("N", "D", "C"), large=large)

    assert list(sizes) == ["N", "D", "C"]
    assert min(sizes.values()) >= 1
    assert sum(n > MAX_SIZE for n in sizes.values()) <= large
    assert max(sizes.values()) <= 40


@pytest.mark.parametrize("scale", [*SCALES, "tails", "ten thousands"])
def test_entries_have_the_size_of_their_scale(scale):
    sizes = {"integers": 1, "ordinary": 1, "small": 1e-3, "tens": 10, "thousands": 1e3, "ten thousands": 1e4}

    found = entries(np.random.default_rng(0), (50, 40), scale)

    assert found.shape == (50, 40)
    if scale == "tails":
        assert np.min(np.abs(found)) < 1e-7 < 1e3 < np.max(np.abs(found)) <= 1e4
    else:
        assert sizes[scale] / 2 < np.std(found) < 2 * sizes[scale]
    assert (np.all(found == np.round(found)) and 0 in found) == (scale == "integers")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_mixed_layout_changes_the_memory_and_not_the_entries(read_only):
    rng = np.random.default_rng(0)

    found = [laid_out(a, np.float32, rng, "mixed", read_only) for _ in range(40)]

    assert all(np.array_equal(b, a) and b.dtype == np.float32 for b in found)
    assert len({b.strides for b in found}) == 4
    assert {b.flags.writeable for b in found} == {not read_only}
    assert laid_out(a, float, rng, "C").flags.c_contiguous


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writeable", [False, True])
def test_a_copy_has_the_same_layout_and_memory_of_its_own(layout, writeable):
    original = LAYOUTS[layout](a.copy())
    original.flags.writeable = writeable

    copy = copied(original)

    assert np.array_equal(copy, original)
    assert copy.strides == original.strides
    assert copy.flags.writeable == writeable
    assert not np.may_share_memory(copy, original)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, bool])
def test_the_source_code_of_an_array_makes_it_again(layout, dtype):
    original = LAYOUTS[layout](a.astype(dtype))

    again = eval(literal(original), {"np": np})

    assert np.array_equal(again, original)
    assert again.dtype == original.dtype
    assert again.strides == original.strides


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ((), "()"),
        ((2,), "(2,)"),
        ((..., slice(0, 1)), "(..., slice(0, 1, None))"),
        ({"W": [1.5, None]}, '{"W": [1.5, None]}'),
        (np.zeros((0, 3)), "np.zeros((0, 3), np.float64)"),
        (-1, "-1"),
    ],
)
def test_the_source_code_of_other_values(value, code):
    assert literal(value) == code
