"""The initial parameters: their sizes, scale and dtype."""

# ruff: noqa: E501 (a table reads best a row a line)

import math
import re

import numpy as np
import pytest

from handgrad import init_params

D, H = 300, 200


def std_of_W1(scheme):
    return init_params([D, H], rng=np.random.default_rng(0), scheme=scheme)["W1"].std()


@pytest.mark.parametrize(
    ("scheme", "std"), [("he", math.sqrt(2 / D)), ("glorot", math.sqrt(2 / (D + H))), (0.3, 0.3), (2, 2.0)]
)
def test_weights_have_the_standard_deviation_of_the_scheme(scheme, std):
    assert std_of_W1(scheme) == pytest.approx(std, rel=5 / math.sqrt(2 * D * H))  # 5 standard errors of it


def test_a_scale_of_zero_gives_zeros():
    assert std_of_W1(0.0) == 0


def test_layers_of_one_unit_are_layers():
    params = init_params([1, 1, 1], rng=np.random.default_rng(0))

    assert {name: a.shape for name, a in params.items()} == {"W1": (1, 1), "b1": (1,), "W2": (1, 1), "b2": (1,)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_biases_are_zero_and_all_is_of_the_dtype(dtype):
    params = init_params([4, 3, 2], rng=np.random.default_rng(0), dtype=dtype)

    assert all(a.dtype == dtype for a in params.values())
    assert not params["b1"].any()
    assert not params["b2"].any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sizes": [4]}, ValueError, "sizes must be two or more positive integers, got [4]"),
        ({"sizes": [4, 0]}, ValueError, "got [4, 0]"),
        ({"sizes": [4, 2.5]}, ValueError, "got [4, 2.5]"),
        ({"scheme": "xavier"}, ValueError, "scheme must be 'he', 'glorot' or a standard deviation of 0 or more, got 'xavier'"),
        ({"scheme": -1.0}, ValueError, "got -1.0"),
        ({"scheme": math.inf}, ValueError, "got inf"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, got int"),
        ({"dtype": int}, TypeError, "dtype must be floating, got int64"),
    ],
)  # fmt: skip
def test_init_params_refuses_what_it_cannot_use(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        init_params(**{"sizes": [4, 3], "rng": np.random.default_rng(0), **arguments})
