"""What takes the place of an argument gives what the plain operation gives."""

import array_api_strict
import numpy as np
import pytest

from handgrad.arrays import in_place
from handgrad.arrays.namespace import NUMPY

X = np.array([[-2.0, 0.0, 3.0], [1.0, -0.5, 2.0]])
LIBRARIES = {"numpy": np.array, "array-api-strict": array_api_strict.asarray}


@pytest.mark.parametrize("library", LIBRARIES)
def test_results_are_those_of_the_plain_operations(library):
    made = LIBRARIES[library]

    assert np.array_equal(np.asarray(in_place.maximum(made(X), 0)), np.maximum(X, 0))
    assert np.array_equal(np.asarray(in_place.where(made(X > 0), made(X))), np.where(X > 0, X, 0))
    assert np.array_equal(np.asarray(in_place.axpy(made(X), 0.5, made(X + 1))), X + 0.5 * (X + 1))


def test_numpys_arrays_are_overwritten_and_no_other():
    x, y = X.copy(), X.copy()

    assert in_place.maximum(x, 0) is x
    assert in_place.where(x > 1, x) is x
    assert in_place.axpy(x, 2.0, y) is x
    assert np.array_equal(y, X)


def test_a_masked_infinity_is_0_and_a_nan_stays():
    assert in_place.where(np.array([False]), np.array([np.inf])) == [0]
    assert np.isnan(in_place.maximum(np.array([np.nan]), 0))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 100_000), (300, 400), (70_000, 2)])
def test_a_multiple_is_added_whatever_the_shape(shape):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape), rng.standard_normal(shape)

    assert np.array_equal(in_place.axpy(x.copy(), 0.3, y), x + 0.3 * y)


@pytest.mark.parametrize("shape", [(3, 4), (100, 100)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_choice_without_branches_is_numpys_to_the_bit(shape, dtype):
    rng = np.random.default_rng(0)
    special = np.array([np.inf, -np.inf, np.nan, -0.0, 0.0, 1e-40, 1.0, -2.5], dtype)
    x, y = rng.choice(special, shape), rng.choice(special, shape)
    condition = rng.random(shape) > 0.5
    wide = f"u{np.dtype(dtype).itemsize}"

    for a, b in [(x, y), (x, 0), (0, y), (1, x), (x, -1.5), (x, y[:1]), (x[:, :1], y), (x.T.copy().T, y[::-1])]:
        found, expected = NUMPY.where(condition, a, b), np.where(condition, a, b)
        assert found.dtype == expected.dtype
        assert np.array_equal(found.view(wide), expected.view(wide))
    assert np.array_equal(in_place.where(condition, x.copy()).view(wide), np.where(condition, x, dtype(0)).view(wide))


def test_what_is_not_of_one_shape_or_not_floating_goes_to_numpy():
    condition = np.arange(100) % 3 == 0

    assert np.array_equal(NUMPY.where(condition, np.ones((200, 1)), 0.0), np.where(condition, np.ones((200, 1)), 0.0))
    assert NUMPY.where(np.ones((100, 100), bool), np.ones((100, 100), int), 0).dtype == int
