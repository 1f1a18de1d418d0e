"""The exact form beside each reference: the same value, and cotangents that are limits of difference quotients."""

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mpf

from handgrad import RULES
from handgrad.rules import PRIMITIVES
from oracle import reference
from oracle.gradients import exact
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.rounding.bounds import bounds
from oracle.rounding.monte_carlo import with_perturbed_rounding
from oracle.strategies.rules import rule_problems


def test_every_rule_of_handgrad_has_a_reference_and_no_other():
    assert set(reference.RULES) == set(RULES)


@pytest.mark.parametrize("name", reference.RULES)
def test_a_reference_has_a_docstring_and_the_name_of_its_rule(name):
    assert reference.RULES[name].__name__ == name
    assert reference.RULES[name].__doc__.startswith("Return ")


@settings(max_examples=3)
@given(data=st.data())
@pytest.mark.parametrize("name", reference.RULES)
def test_value_and_cotangents_of_reference_and_exact_form_agree(name, data):
    problem = data.draw(rule_problems(name, np.float64))

    def vjp(args, cotangent):
        value, backward = jax.vjp(lambda *a: reference.RULES[name](*a, **problem.kwargs), *args)
        return value, *backward(cotangent)

    args = problem.args, problem.cotangent
    found, draws = with_perturbed_rounding(vjp, *args, compiled=False)(float, *args)

    # a cotangent may be as small as the dtype goes where the arguments are as large as they go
    scale = float(np.prod([np.max(np.abs(a), initial=1) for a in (*problem.args, problem.cotangent)]))
    for given_, spread, (key, truth) in zip(found, draws, exact.answers(problem).items(), strict=True):
        assert np.all(exact.error(given_, truth) <= bounds(spread, scale=scale, dtype=float)), key


@settings(max_examples=30)
@given(data=st.data())
@pytest.mark.parametrize("name", ["affine", "softmax_cross_entropy", "l2", *PRIMITIVES])
def test_cotangents_are_limits_of_difference_quotients(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    if name in ("max", "absolute"):  # between the sides of other kinks lies the convention
        entries = np.abs(problem.args[0])
        assume(np.unique(entries).size == entries.size and entries.all())
    form = exact_form_of(reference.RULES[name])
    # along all entries of all arguments at once: a wrong one is hidden by another in one of some thousand directions
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    directions = [rng.integers(1, 10**4, a.shape) * rng.choice((-1, 1), a.shape) for a in problem.args]
    cotangents = list(exact.answers(problem).values())[1:]

    with mpmath.workdps(200):
        step = mpf(10) ** -60
        u, *args = map(numbers, (problem.cotangent, *problem.args))
        directions = [numbers(v) for v in directions]

        def objective(sign):
            moved = [np.asarray(a + sign * step * v, object) for a, v in zip(args, directions)]
            return np.sum(np.asarray(u * form(*moved, **problem.kwargs)[0], object))

        quotient = (objective(1) - objective(-1)) / (2 * step)
        terms = [term for c, v in zip(cotangents, directions) for term in np.ravel(c * v)]
        assert abs(quotient - sum(terms)) <= mpf(10) ** -50 * (1 + sum(map(abs, terms)))
