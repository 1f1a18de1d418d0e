"""Bounds from the spread of the draws, and comparisons at the entry that is furthest off by its own bound."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.rounding.bounds import FACTOR, Comparison, best_of, bounds, compare
from oracle.rounding.monte_carlo import DRAWS, with_perturbed_rounding

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)}


@pytest.mark.parametrize(("dtype", "programs"), [(np.float64, 2), (np.float32, 1)])
def test_bound_is_the_largest_spread_for_each_program_and_a_unit_of_the_entry(dtype, programs):
    draws = np.array([[100.0, 0.0]] + [[100.0, 0.0]] * (DRAWS - 1) + [[103.0, -7.0]])

    bound = bounds(draws, scale=1.0, dtype=dtype)

    np.testing.assert_allclose(bound, [3 * FACTOR * programs + 100 * EPS[dtype], 7 * FACTOR * programs], rtol=1e-12)


@pytest.mark.parametrize(("scale", "factor"), [(0.1, 1), (1.0, 1), (1e6, 1e6)])
def test_bound_of_what_never_rounds_is_where_the_dtype_ends(scale, factor):
    bound = bounds(np.zeros((DRAWS + 1, 1)), scale=scale, dtype=np.float32)

    assert bound == pytest.approx(DRAWS * float(np.finfo(np.float32).tiny) * factor)
    assert np.all(bound > 0)


def test_bound_holds_for_single_precision_against_double():
    rng = np.random.default_rng(0)
    args = tuple(rng.standard_normal(s).astype(np.float32) for s in [(20, 30), (30, 10)])

    def f(x, W):
        return jnp.log1p(jnp.exp(jnp.tanh(x @ W) @ W.T))

    wide = tuple(a.astype(float) for a in args)
    draws = with_perturbed_rounding(f, *wide, compiled=False)(np.float32, *wide)[1]
    bound = bounds(draws, scale=1.0, dtype=np.float32)
    error = np.abs(np.asarray(f(*args)) - draws[0])

    assert 0 < np.max(error / bound) < 1
    assert np.max(bound / np.abs(draws[0])) < 1e-4


def test_worst_entry_is_the_one_furthest_out_by_its_own_bound():
    expected = {"W": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.array([1.0])}
    given = {"W": np.array([[1.0, 2.5], [3.1, 4.0]]), "b": np.array([1.0])}
    bound = {"W": np.array([[0.1, 1.0], [0.01, 0.1]]), "b": np.array([0.1])}

    W, b = compare(given, expected, bound)

    assert W == Comparison("W", (1, 0), 3.1, 3.0, 0.01)
    assert not W.agrees
    assert W.excess == pytest.approx(10)
    assert str(W) == "W[1, 0] is 3.1, expected 3.0: the error 1.0e-01 exceeds the bound 1.0e-02"
    assert b.agrees


@given(wrong=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_value_that_is_not_finite_never_agrees(wrong):
    (comparison,) = compare({"W": np.array([0.0, wrong])}, {"W": np.zeros(2)}, {"W": np.ones(2)})

    assert comparison.index == (1,)
    assert not comparison.agrees


def test_an_array_without_entries_is_not_compared():
    assert compare({"W": np.zeros((0, 2))}, {"W": np.zeros((0, 2))}, {"W": np.ones((0, 2))}) == []


def test_best_of_keeps_the_first_where_it_agrees():
    right, wrong = Comparison("W", (), 1.0, 1.0, 0.1), Comparison("W", (), 2.0, 1.0, 0.1)
    other = Comparison("W", (), 1.05, 1.0, 0.1)

    assert best_of([right, wrong], [other, other]) == [right, other]
