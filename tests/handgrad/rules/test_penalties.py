"""The L2 penalty and its strength, reg."""

import numpy as np
import pytest

from handgrad import l2


def test_reg_zero_is_no_penalty_even_for_weights_whose_square_overflows():
    W = np.array([1e200, -1e200])

    R, backward = l2(W, reg=0.0)

    assert R == 0
    np.testing.assert_array_equal(backward(1.0)[0], [0, 0])


@pytest.mark.parametrize("reg", [np.float64(0.1), np.float32(0.5), 2, np.array(0.1)])
def test_reg_of_any_numeric_type_leaves_the_dtype_alone(reg):
    W = np.ones((2, 3), np.float32)

    R, backward = l2(W, reg=reg)

    assert R.dtype == backward(np.float32(1))[0].dtype == np.float32
    assert R == pytest.approx(3 * float(reg), rel=4 * float(np.finfo(np.float32).eps))


@pytest.mark.parametrize("reg", [-0.1, np.nan, np.inf, -np.inf])
def test_negative_or_infinite_reg_is_refused(reg):
    with pytest.raises(ValueError, match=f"reg must be finite and at least 0, got {reg}"):
        l2(np.ones(2), reg=reg)


@pytest.mark.parametrize("reg", [True, "0.1", None, np.ones(2), 1j])
def test_reg_that_is_not_a_real_number_is_refused(reg):
    with pytest.raises(TypeError, match="reg must be a real number"):
        l2(np.ones(2), reg=reg)
