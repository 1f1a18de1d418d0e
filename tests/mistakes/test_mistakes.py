"""Every mistake is caught by name within 200 problems, whatever the seed; correct code is accepted."""

import re
import secrets
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.checks.evaluation import evaluate
from oracle.strategies.networks import network_problems
from oracle.strategies.rules import rule_problems
from oracle.strategies.runner import StopDrawing, run

from .correct import CORRECT
from .reported import REPORTED
from .rules import CORRECT as CORRECT_RULES
from .rules import WRONG
from .synthetic import SYNTHETIC
from .two_layer import answers_by

MISTAKES = REPORTED | SYNTHETIC
PROBLEMS = 200
SEEDS = 3

# people's code has no gradient with respect to the data
two_layer_problems = network_problems("two_layer").map(lambda problem: replace(problem, input_grad=False))
thorough = settings(max_examples=max(PROBLEMS, settings().max_examples))


def answers_of(form):
    def answers(problem):
        with np.errstate(all="ignore"):
            return form.answer(*problem.args, problem.cotangent, **problem.kwargs)

    return answers


def without_numbers(failure):
    """Return the array whose numbers are wrong, or the whole sentence of another failure."""
    return re.sub(r"(\[[\d, ]+\])? is .* exceeds the bound .*", "", failure)


def matches(pattern, failures):
    return any(re.fullmatch(pattern, failure) for failure in failures)


def failures_of(problems, answers, named, seed):
    """Return the failures that the oracle reports in a run, which ends as soon as all that are expected have come."""
    failures = set()

    def test(problem):
        failures.update(map(without_numbers, evaluate(problem, answers).failures))
        if all(matches(pattern, failures) for pattern in named):
            raise StopDrawing

    run(problems, test, examples=PROBLEMS, seed=seed)
    return failures


def check_caught_by_name(problems, answers, named):
    seeds = [secrets.randbits(32) for _ in range(SEEDS)]

    runs = [failures_of(problems, answers, named, seed) for seed in seeds]

    failures = set().union(*runs)
    assert all(runs), f"not caught with each of the seeds {seeds}"
    assert all(matches(pattern, failures) for pattern in named), f"not named with any of the seeds {seeds}: {failures}"
    unfounded = {f for f in failures if not matches("|".join(named), [f]) and not f.startswith("wrong only where")}
    assert not unfounded, f"with one of the seeds {seeds}"


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_caught_by_name(name):
    check_caught_by_name(two_layer_problems, answers_by(MISTAKES[name].formulas), MISTAKES[name].named)


@pytest.mark.parametrize("name", WRONG)
def test_mistake_in_a_rule_is_caught_by_name(name):
    check_caught_by_name(rule_problems(WRONG[name].rule), answers_of(WRONG[name]), WRONG[name].named)


@pytest.mark.parametrize("name", CORRECT)
@thorough
@given(problem=two_layer_problems)
def test_correct_form_is_accepted(name, problem):
    assert not evaluate(problem, answers_by(CORRECT[name])).failures


@pytest.mark.parametrize("name", CORRECT_RULES)
@thorough
@given(data=st.data())
def test_correct_form_of_a_rule_is_accepted(name, data):
    problem = data.draw(rule_problems(CORRECT_RULES[name].rule))

    assert not evaluate(problem, answers_of(CORRECT_RULES[name])).failures
