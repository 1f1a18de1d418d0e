"""Each kind of exact form: its value, and its pullback beside difference quotients or a count by hand."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from oracle.reference.exact_forms import each, elementwise, numbers, operation, rearrangement, reduction, zeros


def test_numbers_keep_the_shape_and_the_last_bit():
    a = numbers(np.array([[0.1, 1e-300], [3.0, -2.5]]))

    assert a.shape == (2, 2)
    assert a.dtype == object
    assert all(isinstance(x, mpf) for x in a.flat)
    assert float(a[0, 0]) == 0.1
    assert numbers(a)[1, 0] is a[1, 0]  # numbers already


def test_each_applies_a_function_to_arrays_of_any_dimensions():
    assert each(abs, np.array(-2.0)).shape == ()
    assert each(lambda x: x + 1, np.array([[1, 2]])).tolist() == [[2, 3]]
    assert zeros((2, 0)).shape == (2, 0)


def test_an_elementwise_form_multiplies_the_cotangent_by_its_slope():
    cube = elementwise(lambda x, power=3: x**power, lambda x, power=3: power * x ** (power - 1))

    value, backward = cube(numbers([[2.0, -1.0]]))
    assert value.tolist() == [[8, -1]]
    assert backward(numbers([[1.0, 10.0]]))[0].tolist() == [[12, 30]]

    value, backward = cube(numbers([3.0]), power=2)
    assert (value.tolist(), backward(numbers([1.0]))[0].tolist()) == ([9], [6])


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), (2, 3))])
def test_an_operation_sums_the_cotangent_over_what_was_broadcast(shapes):
    rng = np.random.default_rng(0)
    x, y = (rng.integers(1, 9, shape).astype(float) for shape in shapes)
    product = operation(lambda x, y: x * y, lambda x, y: (y, x))

    value, backward = product(numbers(x), numbers(y))
    dz = rng.integers(1, 9, value.shape).astype(float)
    dx, dy = (np.asarray(d, float) for d in backward(numbers(dz)))

    assert np.asarray(value, float).tolist() == (x * y).tolist()
    for d, a, other in ((dx, x, y), (dy, y, x)):
        for index in np.ndindex(a.shape):
            one = np.zeros(a.shape)
            one[index] = 1
            assert d[index] == np.sum(dz * one * other)


def test_a_rearrangement_gives_each_entry_what_came_of_it():
    twice_and_dropped = rearrangement(lambda x, y: np.concatenate([x[[0, 0]], y]))

    value, backward = twice_and_dropped(numbers([1.0, 2.0]), numbers([3.0]))

    assert value.tolist() == [1, 1, 3]
    assert [d.tolist() for d in backward(numbers([10.0, 20.0, 30.0]))] == [[30, 0], [30]]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), ()])
def test_a_reduction_reduces_along_any_axes(axis, keepdims):
    square_sum = reduction(lambda x, times=1: (times * sum(a * a for a in x), [2 * times * a for a in x]))
    x = np.arange(6.0).reshape(2, 3)

    value, backward = square_sum(numbers(x), axis=axis, keepdims=keepdims, times=5)
    expected = 5 * np.sum(x**2, axis=axis, keepdims=keepdims)
    dz = np.arange(1.0, 1 + expected.size).reshape(expected.shape)
    (dx,) = backward(numbers(dz))

    assert np.asarray(value, float).tolist() == expected.tolist()
    spread = dz if keepdims or axis == () else np.expand_dims(dz, (0, 1) if axis is None else axis)
    assert np.asarray(dx, float).tolist() == (10 * x * spread).tolist()


def test_the_precision_is_that_of_the_caller():
    root = elementwise(mpmath.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)))

    with mpmath.workdps(50):
        value, _ = root(numbers([2.0]))
        assert abs(value[0] ** 2 - 2) < mpf(10) ** -48
