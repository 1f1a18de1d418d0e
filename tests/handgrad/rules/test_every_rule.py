"""Properties that hold for every rule in ``handgrad.RULES``: a new rule is tested as soon as it is there."""

import inspect
import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad
from handgrad import RULES
from oracle import reference
from oracle.checks.evaluation import evaluate
from oracle.gradients import autodiff, exact
from oracle.reference.annotations import Choices, keyword_specs
from oracle.reference.recording import exact_form_of
from oracle.rounding.monte_carlo import with_perturbed_rounding
from oracle.strategies.rules import rule_problems

each_rule = pytest.mark.parametrize("name", RULES)
#: For properties that fail on nearly every problem or on none.
fewer = settings(max_examples=settings().max_examples // 3)


def pullback(problem):
    """Return the cotangents by name."""
    _, backward = RULES[problem.name](*problem.args, **problem.kwargs)
    return {f"d{a}": c for a, c in zip(problem.argument_names, backward(problem.cotangent))}


@each_rule
def test_has_a_reference_with_the_same_signature_and_an_exact_form(name):
    def signature(f):
        parameters = inspect.signature(f).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters if p.name != "where"]

    assert signature(reference.RULES[name]) == signature(RULES[name])
    assert callable(exact_form_of(reference.RULES[name]))


@each_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_value_and_pullback_equal_jax(name, dtype, data):
    problem = data.draw(rule_problems(name, dtype))

    evaluation = evaluate(problem)

    assert not evaluation.failures


@each_rule
@settings(max_examples=20)
@given(data=st.data())
def test_value_and_pullback_equal_exact_arithmetic(name, data):
    problem = data.draw(rule_problems(name, np.float64))

    truth, bound = exact.answers(problem), autodiff.answers(problem).bound

    for result, answer in problem.answers().items():
        assert np.all(exact.error(answer, truth[result]) <= bound[result]), result


@each_rule
@fewer
@given(data=st.data())
def test_pullback_is_linear_in_the_cotangent(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    u, w = problem.cotangent, np.round(10 * np.cos(problem.cotangent))

    cotangents = u, w, u + 2 * w
    of_u, of_w, of_sum = (pullback(replace(problem, cotangent=c)) for c in cotangents)
    bounds = [autodiff.answers(replace(problem, cotangent=c)).bound for c in cotangents]

    for d in of_u:
        tolerance = bounds[0][d] + 2 * bounds[1][d] + bounds[2][d]
        assert np.all(np.abs(of_u[d] + 2 * of_w[d] - of_sum[d]) <= tolerance), d


def pushforward(problem, directions):
    """Return J v by JAX's forward mode, which shares nothing with a pullback."""

    def jvp(args, directions):
        return jax.jvp(lambda *a: reference.RULES[problem.name](*a, **problem.kwargs), args, directions)[1]

    return with_perturbed_rounding(jvp, problem.args, directions, compiled=False)(float, problem.args, directions)[0]


@each_rule
@fewer
@given(data=st.data())
def test_pullback_is_the_adjoint_of_the_pushforward(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    directions = tuple(np.round(10 * np.sin(a + 1)) for a in problem.args)
    u = problem.cotangent

    forward = pushforward(problem, directions)  # J v
    backward = pullback(problem)  # Jᵀ u

    bound = autodiff.answers(problem).bound
    sides, tolerance, terms = [], 0.0, np.abs(u * forward).sum()
    for d, v in zip(backward, directions):
        sides.append(np.vdot(backward[d], v))
        tolerance += 2 * np.sum(bound[d] * np.abs(v))
        terms += np.abs(backward[d] * v).sum()
    tolerance += 100 * np.finfo(float).eps * terms  # up to 100 terms in either inner product
    assert abs(np.sum(u * forward) - sum(sides)) <= tolerance


@each_rule
@fewer
@given(data=st.data())
def test_backward_returns_the_same_values_in_new_arrays_every_time(name, data):
    problem = data.draw(rule_problems(name))
    value, backward = RULES[name](*problem.args, **problem.kwargs)

    first = backward(problem.cotangent)
    kept = [np.array(d) for d in first]
    for result in (value, *first):  # the caller owns the results and may overwrite them
        if isinstance(result, np.ndarray):
            result[...] = np.nan
    second = backward(problem.cotangent)

    assert all(np.array_equal(a, b) for a, b in zip(kept, second))


@each_rule
@fewer
@given(data=st.data())
def test_results_share_no_memory_and_arguments_are_not_written_to(name, data):
    problem = data.draw(rule_problems(name))
    arrays = [*problem.args, problem.cotangent, *(v for v in problem.kwargs.values() if isinstance(v, np.ndarray))]
    before = [a.copy() for a in arrays]

    value, backward = RULES[name](*problem.args, **problem.kwargs)
    results = [value, *backward(problem.cotangent), *backward(problem.cotangent)]

    assert all(np.array_equal(a, b) for a, b in zip(arrays, before))
    assert not any(np.shares_memory(r, a) for r in results for a in arrays)
    assert not any(np.shares_memory(r, s) for i, r in enumerate(results) for s in results[:i])


@each_rule
@fewer
@given(data=st.data())
def test_cotangents_have_the_shape_and_dtype_of_their_arguments(name, data):
    problem = data.draw(rule_problems(name))

    value, backward = RULES[name](*problem.args, **problem.kwargs)
    cotangents = backward(problem.cotangent)

    assert isinstance(cotangents, tuple)
    assert value.dtype == problem.dtype
    assert [(d.shape, d.dtype) for d in cotangents] == [(a.shape, a.dtype) for a in problem.args]


def keyword(name, parameter):
    """Return a valid keyword for arrays of one entry."""
    takes = keyword_specs(reference.RULES[name])[parameter]
    if isinstance(takes, Choices):
        return takes.values[0]
    shape = takes.shape(dict.fromkeys(takes.dims, 1))
    if takes.domain == "sizes":
        return shape
    return np.zeros(shape, int if takes.bound else bool if takes.domain == "booleans" else float)


@each_rule
@pytest.mark.parametrize("wrong", [1.0, [1.0], np.array([[1, 2]]), np.array([[1j]])], ids=repr)
def test_arguments_that_are_not_real_floating_arrays_are_refused(name, wrong):
    required = [p for p in inspect.signature(RULES[name]).parameters.values() if p.default is p.empty]
    args = [wrong for p in required if p.kind is not p.KEYWORD_ONLY]
    kwargs = {p.name: keyword(name, p.name) for p in required if p.kind is p.KEYWORD_ONLY}

    with pytest.raises(TypeError, match=r"argument must be an? "):
        handgrad.RULES[name](*args, **kwargs)


@each_rule
@settings(max_examples=10)
@given(data=st.data())
def test_cotangents_that_are_not_needed_are_none_and_the_others_the_same(name, data):
    problem = data.draw(rule_problems(name))
    _, backward = RULES[name](*problem.args, **problem.kwargs)
    everything = backward(problem.cotangent)

    for needs in itertools.product([True, False], repeat=len(problem.args)):
        some = backward(problem.cotangent, needs=needs)

        for needed, d, expected in zip(needs, some, everything, strict=True):
            if needed or (len(needs) == 1 and d is not None):  # a rule of one argument may ignore the flag
                np.testing.assert_array_equal(d, expected)
            else:
                assert d is None
