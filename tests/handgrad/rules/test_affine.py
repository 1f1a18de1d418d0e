"""The affine map: its cotangents on request, and its errors."""

import array_api_strict
import numpy as np
import pytest

from handgrad import affine


def arguments(dtype=np.float64):
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in [(5, 4), (4, 3), (3,)])


@pytest.mark.parametrize(
    "needs", [(True, False, True), (False, True, False), (False, False, True), (False, False, False)]
)
def test_cotangents_that_are_not_needed_are_none(needs):
    z, backward = affine(*arguments())

    everything = backward(np.ones_like(z))
    some = backward(np.ones_like(z), needs=needs)

    for needed, d, expected in zip(needs, some, everything):
        if needed:
            np.testing.assert_array_equal(d, expected)
        else:
            assert d is None


def test_shapes_that_do_not_fit_are_refused_with_all_three():
    x, W, b = arguments()

    for wrong in [(x, W.T, b), (x, W, b[:1]), (x, W, b[None]), (x[0], W, b), (x, W[:, 0], b)]:
        with pytest.raises(ValueError, match=r"affine: x must be \(N, D\), W \(D, H\), b \(H,\), got x \("):
            affine(*wrong)


def test_mixed_dtypes_are_refused():
    x, W, b = arguments()

    with pytest.raises(TypeError, match="affine: x, W and b must have one dtype, got x float32, W float64, b float64"):
        affine(x.astype(np.float32), W, b)


@pytest.mark.parametrize("foreign", range(3))
def test_arrays_of_two_libraries_are_refused(foreign):
    mixed = list(arguments())
    mixed[foreign] = array_api_strict.asarray(mixed[foreign])

    with pytest.raises(TypeError, match="one library"):
        affine(*mixed)
