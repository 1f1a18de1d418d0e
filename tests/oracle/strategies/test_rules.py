"""Problems for rules: their domains, keywords and cotangents, and the code that makes them again."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from handgrad import RULES
from oracle import reference
from oracle.reference.annotations import DOMAINS, array_specs, spec
from oracle.strategies.rules import RuleProblem, discrete, problems_like, rule_problems

unshrunk = settings(max_examples=5000, database=None, phases=[Phase.generate])
# What is found and not made smaller is as large as problems come; Hypothesis would rather not print it.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@pytest.mark.parametrize("name", RULES)
def test_every_rule_meets_the_ends_of_its_domain_and_exact_zeros(name):
    (first, *_) = array_specs(reference.RULES[name]).values()
    *ends, at_zero = DOMAINS[first.domain](np.array([-1e4, 1e4, 0]))
    far = np.abs(ends).max() / 2

    for wanted in (lambda p: np.abs(p.args[0]).max() > far, lambda p: np.any(p.args[0] == np.float32(at_zero))):
        find(rule_problems(name, np.float32), wanted, settings=unshrunk)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=5)
@given(data=st.data())
def test_source_code_gives_the_same_numbers(name, data):
    problem = data.draw(rule_problems(name))
    variables = {}

    exec(problem.source(), variables)

    for key, answer in problem.answers().items():
        assert np.array_equal(variables[key], answer, equal_nan=True), key


@settings(max_examples=20)
@given(problem=rule_problems("softmax_cross_entropy"))
def test_labels_lie_below_the_number_of_classes(problem):
    labels = problem.kwargs["labels"]

    assert labels.shape == problem.args[0].shape[:1]
    assert np.all((0 <= labels) & (labels < problem.args[0].shape[1]))
    assert problem.cotangent.shape == ()


@settings(max_examples=20)
@given(problem=rule_problems("concatenate"))
def test_the_number_of_arrays_is_drawn_and_each_has_its_cotangent(problem):
    assert 1 <= len(problem.args) <= 3
    assert problem.cotangent_names == [f"darrays{i}" for i in range(len(problem.args))]
    assert list(problem.answers()) == ["value", *problem.cotangent_names]


def test_an_array_keyword_of_floats_is_drawn_as_floats(monkeypatch):
    def distance(
        x: Annotated[jnp.ndarray, "N D"], *, targets: Annotated[jnp.ndarray, "N D", "positive"]
    ) -> Annotated[jnp.ndarray, ""]:
        return jnp.sum((x - targets) ** 2)

    monkeypatch.setitem(reference.RULES, "distance", distance)

    problem = find(rule_problems("distance", np.float32), lambda p: p.args[0].size > 2, settings=unshrunk)

    targets = problem.kwargs["targets"]
    assert (targets.shape, targets.dtype) == (problem.args[0].shape, np.float32)
    assert np.all(targets > 0)


def test_discrete_arrays_are_booleans_or_integers_below_a_dimension():
    rng = np.random.default_rng(0)

    flags = discrete(rng, spec("N", "booleans"), (100,), {})
    labels = discrete(rng, spec("N", "below C"), (100,), {"C": 3})

    assert flags.dtype == bool
    assert set(flags.tolist()) == {False, True}
    assert set(labels.tolist()) == {0, 1, 2}


@settings(max_examples=20)
@given(problem=problems_like("mine", jnp.square, (np.ones((3, 2), np.float32), 5), {"power": 2}, (3, 2)))
def test_problems_for_a_function_have_the_shapes_and_dtypes_of_its_examples(problem):
    x, number = problem.args

    assert (x.shape, x.dtype) == ((3, 2), np.float32)
    assert (number.shape, number.dtype) == ((), np.float64)  # an integer example stands for floats
    assert (problem.cotangent.shape, problem.cotangent.dtype) == ((3, 2), np.float32)
    assert problem.kwargs == {"power": 2}
    assert problem.argument_names == ["x0", "x1"]
    assert not problem.has_exact_answers
    assert problem.recording() is None


def test_code_for_a_candidate_shows_the_worst_entry():
    from oracle.rounding.bounds import Comparison

    problem = RuleProblem("multiply", (np.array([2.0]), np.array([3.0])), {}, np.array([1.0]))
    worst = Comparison("dy", (0,), 5.0, 2.0, 1e-15)
    printed = []

    def candidate(x, y):
        return x * y, lambda dz: (dz * y, dz * 5)

    code = problem.reproduction(candidate, worst)
    exec(code, {"candidate": candidate, "print": printed.append})

    assert printed == [5.0]
    assert code.endswith("# 5.0, and right is 2.0")


def test_other_entries_stay_in_the_domain():
    problem = RuleProblem("log", (np.array([0.5, 3.0]),), {}, np.ones(2))

    assert problem.rescaled().args[0].tolist() == [0.25, 1.5]
    moved = problem.nudged(np.random.default_rng(0)).args[0]
    assert np.all(moved != problem.args[0])
    assert np.all(moved > 0)
