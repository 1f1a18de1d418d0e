"""Arrays in few characters."""

import numpy as np
import pytest

from handgrad.graph.inspection.formatting import norm, number


@pytest.mark.parametrize(
    ("x", "text"), [(3.0, "3"), (-0.0, "0"), (np.float32(1 / 3), "0.3333"), (1234.4, "1234"), (-1e-30, "-1e-30")]
)
def test_a_number_has_its_digits_and_zero_no_sign(x, text):
    assert number(x, 4) == text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.ones((2, 2)), "2"),
        (np.full(9, 1e300), "3e+300"),
        (np.full(9, -1e-300), "3e-300"),
        (np.array([1, np.nan]), "nan"),
        (np.array([1, -np.inf]), "inf"),
        (np.zeros(13), "0"),
        (np.zeros((0, 3)), "0"),
    ],
)
def test_a_norm_neither_overflows_nor_vanishes(array, text):
    assert norm(array, 4) == f"‖·‖ {text}"
