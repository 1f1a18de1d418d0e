"""Arrays in few characters."""

import numpy as np
import pytest

from handgrad.graph.inspection.formatting import join_wrapped, norm, number, table


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


def test_columns_are_as_wide_as_their_widest_line():
    assert table(["a", "head"], [["1\n22", "x"], ["", "long cell"]]) == [
        "a   head",
        "--  ---------",
        "1   x",
        "22",
        "    long cell",
    ]


def test_a_combining_sign_has_no_width():
    assert table(["a", "b"], [["x̄", "1"], ["yz", "2"]])[2:] == ["x̄   1", "yz  2"]


def test_a_list_breaks_only_between_its_parts():
    assert join_wrapped(["its own array e", "x (8 B)", "a part that is longer than a line"], 26).split("\n") == [
        "its own array e, x (8 B),",
        "a part that is longer than a line",
    ]
