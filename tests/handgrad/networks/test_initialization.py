"""Where training starts from: the sizes, the scale, the dtype."""

import math

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


def test_an_infinite_scale_is_refused():
    with pytest.raises(ValueError, match="inf"):
        std_of_W1(math.inf)


def test_layers_of_one_unit_are_layers():
    params = init_params([1, 1, 1], rng=np.random.default_rng(0))

    assert {name: a.shape for name, a in params.items()} == {"W1": (1, 1), "b1": (1,), "W2": (1, 1), "b2": (1,)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_biases_are_zero_and_all_is_of_the_dtype(dtype):
    params = init_params([4, 3, 2], rng=np.random.default_rng(0), dtype=dtype)

    assert all(a.dtype == dtype for a in params.values())
    assert not params["b1"].any()
    assert not params["b2"].any()
