"""Every mistake is caught by name within 200 problems, whatever the seed; what is right is left alone."""

import re
import secrets
from contextlib import suppress
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from oracle.checks.evaluation import evaluate
from oracle.strategies.networks import network_problems
from oracle.strategies.rules import rule_problems

from .correct import CORRECT
from .reported import REPORTED
from .rules import RIGHT, WRONG
from .synthetic import SYNTHETIC
from .two_layer import answers_by

MISTAKES = REPORTED | SYNTHETIC
PROBLEMS = 200
SEEDS = 3

# people's code has no gradient with respect to the data
two_layer_problems = network_problems("two_layer").map(lambda problem: replace(problem, input_grad=False))
thorough = settings(max_examples=max(PROBLEMS, settings().max_examples))


class Enough(BaseException):
    """Ends a run at once: what is no Exception, Hypothesis neither repeats nor shrinks."""


def answers_of(form):
    def answers(problem):
        with np.errstate(all="ignore"):
            return form.answer(*problem.args, problem.cotangent, **problem.kwargs)

    return answers


def what(complaint):
    """Return the array whose numbers are wrong, or the whole sentence of another complaint."""
    return re.sub(r"(\[[\d, ]+\])? is .* exceeds the bound .*", "", complaint)


def found(pattern, complaints):
    return any(re.fullmatch(pattern, c) for c in complaints)


def complaints_of(problems, answers, named, seed):
    """Return what the oracle complains of in a run, which ends early where all that is expected was said."""
    complaints = set()

    @hypothesis.seed(seed)
    @settings(max_examples=PROBLEMS, database=None, phases=[Phase.generate])
    @given(problems)
    def run(problem):
        complaints.update(map(what, evaluate(problem, answers).failures))
        if all(found(pattern, complaints) for pattern in named):
            raise Enough

    with suppress(Enough):
        run()
    return complaints


def check_caught_by_name(problems, answers, named):
    seeds = [secrets.randbits(32) for _ in range(SEEDS)]

    runs = [complaints_of(problems, answers, named, seed) for seed in seeds]

    said = set().union(*runs)
    assert all(runs), f"not caught with each of the seeds {seeds}"
    assert all(found(pattern, said) for pattern in named), f"not named with any of the seeds {seeds}: {said}"
    unfounded = {c for c in said if not found("|".join(named), [c]) and not c.startswith("wrong only where")}
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
def test_right_form_is_left_alone(name, problem):
    assert not evaluate(problem, answers_by(CORRECT[name])).failures


@pytest.mark.parametrize("name", RIGHT)
@thorough
@given(data=st.data())
def test_right_form_of_a_rule_is_left_alone(name, data):
    problem = data.draw(rule_problems(RIGHT[name].rule))

    assert not evaluate(problem, answers_of(RIGHT[name])).failures
