"""A search finds what fails, skips what is known, replays what is saved; a training run yields its problems."""

import numpy as np
import pytest
from hypothesis import Phase
from hypothesis.database import InMemoryExampleDatabase

import handgrad
from oracle.checks.evaluation import evaluate
from oracle.checks.search import key_of, replay, search, training_run


@pytest.fixture
def wrong_relu(monkeypatch):
    """Plant a relu whose cotangent is doubled where z is 2 or more."""

    def relu(z):
        return np.maximum(z, 0), lambda dh: (dh * (z > 0) * (1 + (z >= 2)),)

    monkeypatch.setitem(handgrad.RULES, "relu", relu)


def found_by(**options):
    found = []
    search("relu", seed=0, found=lambda problem, evaluation: found.append((problem, evaluation)), **options)
    return found


def test_what_is_right_is_found_right_on_every_problem():
    found = found_by(problems=15, dtype=np.float32)

    assert len(found) == 15
    assert not any(evaluation.failed for _, evaluation in found)
    assert {problem.dtype for problem, _ in found} == {np.dtype(np.float32)}


def test_known_problems_are_drawn_and_not_evaluated():
    every, rest = found_by(problems=15), found_by(problems=15, known=10)

    assert [p.source() for p, _ in rest] == [p.source() for p, _ in every[10:]]


@pytest.mark.usefixtures("wrong_relu")
def test_the_last_problem_found_is_the_smallest():
    problem, evaluation = found_by(problems=50)[-1]

    assert evaluation.failed
    assert problem.args[0].tolist() == [[2]]


@pytest.mark.usefixtures("wrong_relu")
def test_a_saved_problem_is_replayed():
    database = InMemoryExampleDatabase()
    smallest, _ = found_by(problems=50, database=database)[-1]
    again = []

    replay("relu", database.data[key_of("relu")], found=lambda problem, evaluation: again.append((problem, evaluation)))

    assert all(evaluation.failed for _, evaluation in again)
    assert smallest.source() in {problem.source() for problem, _ in again}


def test_nothing_is_shrunk_where_only_generation_is_asked_for(wrong_relu):
    found = found_by(problems=50, phases=(Phase.generate,))

    failing = [problem.source() for problem, evaluation in found if evaluation.failed]
    assert len(set(failing)) == 1


def test_keys_tell_rules_and_dtypes_apart():
    keys = {key_of(name, dtype) for name in ("relu", "tanh") for dtype in (None, np.float32, np.float64)}

    assert len(keys) == 6
    assert key_of("relu", "float32") == key_of("relu", np.float32) == b"relu, float32"


def test_training_on_the_digits_goes_down_and_agrees_all_along():
    problems = list(training_run(steps=30))

    losses = [handgrad.two_layer.loss(p.params, p.X, p.y, p.reg) for p in problems]
    worst = max(evaluate(p).worst.excess for p in problems[::10])

    assert losses[-1] < losses[0] / 2
    assert worst <= 1
