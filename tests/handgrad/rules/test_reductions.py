"""Reductions over any axes, at ties, and where a naive sum overflows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad import rules

NAMES = ["sum", "mean", "max", "logsumexp", "var"]
each_reduction = pytest.mark.parametrize("name", NAMES)


@each_reduction
@given(axis=st.sampled_from([None, 0, -1, (0, 2), (-1, 0), ()]), keepdims=st.booleans())
def test_axes_and_keepdims_are_those_of_numpy(name, axis, keepdims):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    by_numpy = {"logsumexp": lambda x, **kwargs: np.log(np.sum(np.exp(x), **kwargs))}.get(name) or getattr(np, name)

    z, backward = getattr(rules, name)(x, axis=axis, keepdims=keepdims)
    (dx,) = backward(np.ones_like(z))

    expected = by_numpy(x, axis=axis, keepdims=keepdims)
    assert z.shape == expected.shape
    np.testing.assert_allclose(z, expected, rtol=1e-13, atol=1e-15)
    assert dx.shape == x.shape


@each_reduction
@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, -2)])
def test_axes_that_the_array_lacks_or_that_repeat_are_refused(name, axis):
    with pytest.raises(ValueError, match=f"{name}: axis must name distinct axes of an array of 2 dimensions, got "):
        getattr(rules, name)(np.ones((2, 3)), axis=axis)


@pytest.mark.parametrize("name", NAMES[1:])
def test_no_entries_are_refused_where_there_is_no_answer(name):
    with pytest.raises(ValueError, match=rf"{name}: x must have more than 0 entries along its axes, got \(0, 3\)"):
        getattr(rules, name)(np.ones((0, 3)), axis=0)


def test_the_sum_of_no_entries_is_zero():
    z, backward = rules.sum(np.ones((0, 3)), axis=0)

    np.testing.assert_array_equal(z, np.zeros(3))
    assert backward(np.ones(3))[0].shape == (0, 3)


def test_the_correction_leaves_more_entries_than_it_takes():
    assert rules.var(np.array([1.0, 3.0]), correction=1)[0] == 2
    with pytest.raises(ValueError, match=r"var: x must have more than 2 entries along its axes, got \(2,\)"):
        rules.var(np.array([1.0, 3.0]), correction=2)


def test_entries_that_tie_for_the_largest_share_the_cotangent():
    (dx,) = rules.max(np.array([[1.0, 4.0, 4.0], [4.0, 0.0, 0.0]]))[1](6.0)

    np.testing.assert_array_equal(dx, [[0, 2, 2], [2, 0, 0]])


def test_logsumexp_neither_overflows_nor_loses_small_contributions():
    assert rules.logsumexp(np.array([1e4, 1e4]))[0] == pytest.approx(1e4 + np.log(2), rel=1e-15)
    assert rules.logsumexp(np.array([0.0, -50.0]))[0] == pytest.approx(np.exp(-50.0), rel=1e-15)
    (dx,) = rules.logsumexp(np.array([1e4, 1e4, -1e4]))[1](1.0)
    np.testing.assert_array_equal(dx, [0.5, 0.5, 0])


def test_a_constant_has_no_variance_and_no_gradient():
    z, backward = rules.var(np.full(7, 0.1))

    assert z == 0
    np.testing.assert_array_equal(backward(1.0)[0], np.zeros(7))
