"""Properties that hold for every rule in ``handgrad.RULES``: a new rule is tested by being there."""

import functools
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
from oracle.checks.verification import answers, examine
from oracle.gradients import autodiff, exact
from oracle.reference.annotations import dimensions_of
from oracle.rounding.monte_carlo import perturbed
from oracle.strategies.padding import pad_rule, unpad
from oracle.strategies.problems import rule_problems

each_rule = pytest.mark.parametrize("name", RULES)
#: For what holds on nearly every problem or on hardly any.
fewer = settings(max_examples=settings().max_examples // 3)


def pullback(problem):
    """Return the cotangents by name."""
    _, backward = RULES[problem.name](*problem.args, **problem.kwargs)
    return {f"d{a}": c for a, c in zip(problem.argument_names, backward(problem.cotangent))}


@each_rule
def test_has_a_twin_with_the_same_signature_and_an_exact_form(name):
    def signature(f):
        parameters = inspect.signature(f).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters if p.name != "where"]

    assert signature(reference.RULES[name]) == signature(RULES[name])
    assert name in exact.RULES


@each_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_value_and_pullback_equal_jax(name, dtype, data):
    problem = data.draw(rule_problems(name, dtype))

    examination = examine(problem)

    assert not examination.complaints


@each_rule
@settings(max_examples=20)
@given(data=st.data())
def test_value_and_pullback_equal_exact_arithmetic(name, data):
    problem = data.draw(rule_problems(name, np.float64))

    truth, bound = exact.testify(problem), autodiff.testify(problem).bound

    for result, answer in answers(problem).items():
        assert np.all(exact.error(answer, truth[result]) <= bound[result]), result


@each_rule
@fewer
@given(data=st.data())
def test_pullback_is_linear_in_the_cotangent(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    u, w = problem.cotangent, np.round(10 * np.cos(problem.cotangent))

    cotangents = u, w, u + 2 * w
    of_u, of_w, of_sum = (pullback(replace(problem, cotangent=c)) for c in cotangents)
    bounds = [autodiff.testify(replace(problem, cotangent=c)).bound for c in cotangents]

    for d in of_u:
        tolerance = bounds[0][d] + 2 * bounds[1][d] + bounds[2][d]
        assert np.all(np.abs(of_u[d] + 2 * of_w[d] - of_sum[d]) <= tolerance), d


@functools.cache
def padded_pushforward(name):
    def jvp(args, directions, kwargs):
        return jax.jvp(lambda *a: reference.RULES[name](*a, **kwargs), args, directions)[1]

    return jax.jit(jvp)


def pushforward(problem, directions):
    """Return J v by JAX's forward mode, which shares nothing with a pullback."""
    twin = reference.RULES[problem.name]
    if "return" not in dimensions_of(twin):

        def jvp(args, directions):
            return jax.jvp(lambda *a: twin(*a, **problem.kwargs), args, directions)[1]

        return perturbed(jvp, problem.args, directions, compiled=False)(float, problem.args, directions)[0]
    padded, kwargs, _ = pad_rule(twin, problem.args, problem.kwargs, problem.cotangent)
    padded_directions = pad_rule(twin, directions, {}, problem.cotangent)[0]
    padded_directions = tuple(np.where(np.isfinite(v), v, 0) for v in padded_directions)
    return unpad(padded_pushforward(problem.name)(padded, padded_directions, kwargs), problem.cotangent)


@each_rule
@fewer
@given(data=st.data())
def test_pullback_is_the_adjoint_of_the_pushforward(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    directions = tuple(np.round(10 * np.sin(a + 1)) for a in problem.args)
    u = problem.cotangent

    forward = pushforward(problem, directions)  # J v
    backward = pullback(problem)  # Jᵀ u

    bound = autodiff.testify(problem).bound
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
def test_backward_twice_gives_the_same_twice_in_fresh_arrays(name, data):
    problem = data.draw(rule_problems(name))
    value, backward = RULES[name](*problem.args, **problem.kwargs)

    first = backward(problem.cotangent)
    kept = [np.array(d) for d in first]
    for result in (value, *first):  # whoever owns a result may do with it what they like
        if isinstance(result, np.ndarray):
            result[...] = np.nan
    second = backward(problem.cotangent)

    assert all(np.array_equal(a, b) for a, b in zip(kept, second))


@each_rule
@fewer
@given(data=st.data())
def test_result_shares_no_memory_and_nothing_is_written_to(name, data):
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
def test_results_have_the_shape_and_dtype_of_what_they_belong_to(name, data):
    problem = data.draw(rule_problems(name))

    value, backward = RULES[name](*problem.args, **problem.kwargs)
    cotangents = backward(problem.cotangent)

    assert isinstance(cotangents, tuple)
    assert value.dtype == problem.dtype
    assert [(d.shape, d.dtype) for d in cotangents] == [(a.shape, a.dtype) for a in problem.args]


@each_rule
@pytest.mark.parametrize("wrong", [1.0, [1.0], np.array([[1, 2]]), np.array([[1j]])], ids=repr)
def test_what_is_no_real_floating_array_is_refused(name, wrong):
    required = [p for p in inspect.signature(RULES[name]).parameters.values() if p.default is p.empty]
    args = [wrong for p in required if p.kind is not p.KEYWORD_ONLY]
    given = {"labels": np.array([0]), "reg": 0.1, "condition": np.array(True), "index": 0, "shape": (1,)}
    kwargs = {p.name: given[p.name] for p in required if p.kind is p.KEYWORD_ONLY}

    with pytest.raises(TypeError, match=r"argument must be an? "):
        handgrad.RULES[name](*args, **kwargs)


@each_rule
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_not_needed_is_none_and_the_rest_the_same(name, data):
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
