"""What takes the place of an argument gives what the plain operation gives."""

import array_api_strict
import numpy as np
import pytest

from handgrad import in_place

X = np.array([[-2.0, 0.0, 3.0], [1.0, -0.5, 2.0]])
LIBRARIES = {"numpy": np.array, "array-api-strict": array_api_strict.asarray}


@pytest.mark.parametrize("library", LIBRARIES)
def test_results_are_those_of_the_plain_operations(library):
    made = LIBRARIES[library]

    assert np.array_equal(np.asarray(in_place.maximum(made(X), 0)), np.maximum(X, 0))
    assert np.array_equal(np.asarray(in_place.where(made(X > 0), made(X))), np.where(X > 0, X, 0))
    assert np.array_equal(np.asarray(in_place.add_multiple(made(X), 0.5, made(X + 1))), X + 0.5 * (X + 1))


def test_numpys_arrays_are_overwritten_and_no_other():
    x, y = X.copy(), X.copy()

    assert in_place.maximum(x, 0) is x
    assert in_place.where(x > 1, x) is x
    assert in_place.add_multiple(x, 2.0, y) is x
    assert np.array_equal(y, X)


def test_a_masked_infinity_is_0_and_a_nan_stays():
    assert in_place.where(np.array([False]), np.array([np.inf])) == [0]
    assert np.isnan(in_place.maximum(np.array([np.nan]), 0))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 100_000), (300, 400), (70_000, 2)])
def test_a_multiple_is_added_whatever_the_shape(shape):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape), rng.standard_normal(shape)

    assert np.array_equal(in_place.add_multiple(x.copy(), 0.3, y), x + 0.3 * y)
