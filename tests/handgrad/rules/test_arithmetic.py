"""Arithmetic: values far from the ordinary, ties, and broadcasting."""

import array_api_strict
import numpy as np
import pytest

from handgrad import rules
from handgrad.rules.arithmetic import (
    absolute,
    add,
    divide,
    expm1,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sqrt,
    subtract,
    where,
)

BINARY = [add, subtract, multiply, divide, power, maximum, minimum]


@pytest.mark.parametrize("rule", BINARY, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(("x", "y"), [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), (2, 3))])
def test_cotangents_of_repeated_arguments_are_summed(rule, x, y):
    rng = np.random.default_rng(0)
    x, y, dz = rng.uniform(1, 2, x), rng.uniform(1, 2, y), rng.standard_normal((2, 3))

    _, backward = rule(x, y)
    dx, dy = backward(dz)

    _, whole = rule(*(np.broadcast_to(a, (2, 3)).copy() for a in (x, y)))
    for d, a, everywhere in zip((dx, dy), (x, y), whole(dz)):
        assert d.shape == a.shape
        axes = tuple(i for i, n in enumerate((1,) * (2 - a.ndim) + a.shape) if n == 1)
        expected = everywhere.sum(axis=axes).reshape(a.shape)
        np.testing.assert_allclose(d, expected, rtol=1e-14)


@pytest.mark.parametrize("rule", [*BINARY, rules.matmul], ids=lambda rule: rule.__name__)
def test_two_dtypes_or_libraries_are_refused(rule):
    x = np.ones((2, 2))

    with pytest.raises(TypeError, match=f"{rule.__name__}: x and y must have one dtype, got x float64, y float32"):
        rule(x, x.astype(np.float32))
    with pytest.raises(TypeError, match="one library"):
        rule(x, array_api_strict.asarray(x))


def test_ties_share_the_cotangent_of_maximum_and_minimum():
    x, y, dz = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]), np.array([10.0, 20.0, 30.0])

    upper, lower = maximum(x, y)[1](dz), minimum(x, y)[1](dz)

    np.testing.assert_array_equal(upper, [[0, 10, 30], [10, 10, 0]])
    np.testing.assert_array_equal(lower, upper[::-1])


def test_division_survives_divisors_whose_square_overflows_or_vanishes():
    y = np.array([1e160, 1e-170, -1e200])

    _, dy = divide(y, y)[1](np.ones(3))

    np.testing.assert_allclose(dy, -1 / y, rtol=1e-15)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_power_at_its_edges():
    x, y = np.array([0.0, 0.0, 0.0, -2.0]), np.array([0.0, 1.0, 2.0, 3.0])

    z, backward = power(x, y)
    dx, dy = backward(np.ones(4))

    np.testing.assert_array_equal(z, [1, 0, 0, -8])
    np.testing.assert_array_equal(dx, [0, 1, 0, 12])
    np.testing.assert_array_equal(dy, [0, 0, 0, np.nan])


def test_an_entry_that_was_not_taken_receives_zero_even_if_it_is_not_finite():
    x, y, condition = np.array([np.inf, 1.0]), np.array([2.0, np.nan]), np.array([False, True])

    z, backward = where(x, y, condition=condition)
    dx, dy = backward(np.array([3.0, np.inf]))

    np.testing.assert_array_equal(z, [2, 1])
    np.testing.assert_array_equal(dx, [0, np.inf])
    np.testing.assert_array_equal(dy, [3, 0])


@pytest.mark.parametrize(
    ("condition", "error", "message"),
    [
        (True, TypeError, "where: condition must be a boolean array, got bool"),
        (np.array([1, 0]), TypeError, "where: condition must be a boolean array, got dtype int64"),
        (np.ones(3, bool), ValueError, r"where: shapes must broadcast, got \(3,\) and \(2,\)"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(condition, error, message):
    with pytest.raises(error, match=message):
        where(np.ones(2), np.ones(2), condition=condition)


@pytest.mark.parametrize(
    ("rule", "x", "z", "slope"),
    [
        (expm1, -50.0, -1.0, np.exp(-50.0)),
        (expm1, 1e-20, 1e-20, 1.0),
        (log1p, 1e-20, 1e-20, 1.0),
        (sqrt, 4.0, 2.0, 0.25),
        (absolute, 0.0, 0.0, 1.0),
        (absolute, -3.0, 3.0, -1.0),
        (negative, 3.0, -3.0, -1.0),
    ],
)
def test_values_and_slopes_at_chosen_points(rule, x, z, slope):
    value, backward = rule(np.array([x]))

    assert value == pytest.approx(z, rel=1e-15, abs=0)
    assert backward(np.ones(1))[0] == pytest.approx(slope, rel=1e-15, abs=0)
