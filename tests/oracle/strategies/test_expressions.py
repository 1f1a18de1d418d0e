"""Random expressions: handgrad's graph, JAX and exact arithmetic agree, and a planted error is found and shrunk."""

from collections import Counter

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import handgrad
from handgrad.graph import reverse_mode
from handgrad.rules import PRIMITIVES
from oracle import reference
from oracle.checks.evaluation import evaluate
from oracle.checks.search import search
from oracle.gradients import autodiff, exact
from oracle.strategies.expressions import EXPRESSIONS, SECOND_DERIVATIVES, expression_problems, run_steps

unshrunk = settings(
    max_examples=5000, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck), deadline=None
)
each_order = pytest.mark.parametrize("second", [False, True], ids=[EXPRESSIONS, SECOND_DERIVATIVES])


@each_order
@given(data=st.data())
def test_graph_and_jax_agree(second, data):
    problem = data.draw(expression_problems(second=second))

    assert not evaluate(problem).failures


@each_order
@settings(max_examples=10)
@given(data=st.data())
def test_exact_arithmetic_and_jax_agree(second, data):
    problem = data.draw(expression_problems(np.float64, second=second))

    truth, by_jax = exact.answers(problem), autodiff.answers(problem)

    for name, answer in by_jax.expected.items():
        assert np.all(exact.error(answer, truth[name]) <= by_jax.bound[name]), name


@settings(max_examples=3)
@given(problem=expression_problems(np.float64))
def test_numpy_gives_what_jax_gives(problem):
    def f(leaves):
        return run_steps(problem.steps, leaves, lambda name, *args, **kwargs: reference.RULES[name](*args, **kwargs))

    value, grads = jax.jit(jax.value_and_grad(f))(problem.leaves)

    by_jax = autodiff.answers(problem)
    for found, name in zip((value, *grads), by_jax.expected, strict=True):
        assert np.all(np.abs(found - by_jax.expected[name]) <= by_jax.bound[name]), name


@pytest.mark.parametrize("rule", PRIMITIVES)
def test_every_primitive_occurs(rule):
    find(expression_problems(), lambda problem: any(step.rule == rule for step in problem.steps), settings=unshrunk)


CASES = {
    "a node that is used three times": lambda p: max(Counter(i for s in p.steps for i in s.operands).values()) > 2,
    "one node on both sides": lambda p: any(len(s.operands) == 2 == 2 * len(set(s.operands)) for s in p.steps),
    "twenty steps": lambda p: len(p.steps) > 20,
    "broadcasting": lambda p: len({a.shape for a in p.leaves}) == 3,
    "repeated indices": lambda p: any(
        s.rule == "getitem" and len(set(np.ravel(s.kwargs["index"]).tolist())) < np.size(s.kwargs["index"])
        for s in p.steps
        if isinstance(s.kwargs.get("index"), np.ndarray)
    ),
    "three dimensions": lambda p: any(a.ndim == 3 and min(a.shape) > 1 for a in p.leaves),
    "float32": lambda p: p.dtype == np.float32,
}


@pytest.mark.parametrize("case", CASES)
def test_case_is_drawn(case):
    find(expression_problems(), CASES[case], settings=unshrunk)


def planted_rule(monkeypatch, name, wrong):
    right = handgrad.RULES[name]

    def planted(*args, **kwargs):
        value, backward = right(*args, **kwargs)
        return value, lambda dz: wrong(backward(dz), dz)

    monkeypatch.setitem(handgrad.RULES, name, planted)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("subtract", lambda found, dz: (found[0], -found[1])),
        ("multiply", lambda found, dz: found[::-1] if found[0].shape == found[1].shape else found),
        ("tanh", lambda found, dz: (found[0] * (1 + 1e-5),)),
        ("sum", lambda found, dz: (found[0] * 2,)),
        ("matmul", lambda found, dz: (found[0], 0 * found[1])),
    ],
)
def test_a_wrong_rule_is_found_and_shrunk(monkeypatch, name, wrong):
    planted_rule(monkeypatch, name, wrong)
    seen = []

    search(EXPRESSIONS, problems=1000, seed=0, found=lambda problem, evaluation: seen.append((problem, evaluation)))

    problem, evaluation = seen[-1]
    assert evaluation.failures
    assert len(problem.steps) <= 8
    variables = {}
    exec(problem.source(), variables)
    assert np.isfinite(variables["value"])


def test_a_sweep_that_overwrites_is_found_and_shrunk(monkeypatch):
    monkeypatch.setattr(reverse_mode, "_add", lambda total, d: d)
    seen = []

    search(EXPRESSIONS, problems=200, seed=0, found=lambda problem, evaluation: seen.append((problem, evaluation)))

    problem, evaluation = seen[-1]
    assert any("dx0" in failure for failure in evaluation.failures)
    assert len(problem.steps) <= 4
    assert len(problem.leaves) == 1


@each_order
@settings(max_examples=20)
@given(data=st.data())
def test_source_code_gives_the_same_numbers(second, data):
    problem = data.draw(expression_problems(second=second))

    variables = {}
    exec(problem.source(), variables)

    for name, answer in problem.answers().items():
        assert np.array_equal(variables[name], answer, equal_nan=True), name
