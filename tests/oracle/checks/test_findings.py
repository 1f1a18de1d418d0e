"""The entries that are wrong in words, in their order, and what the problems drawn could not show."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.candidates.contract import Violation
from oracle.candidates.sandbox import Answer
from oracle.checks.evaluation import Evaluation
from oracle.checks.findings import blind_spots, findings, worst_entry
from oracle.rounding.bounds import compare
from oracle.strategies.networks import NetworkProblem
from oracle.strategies.rules import RuleProblem

#: Two hidden units: the first is live on both rows, the second dead on both; the third class is absent.
PROBLEM = NetworkProblem(
    "two_layer",
    {
        "W1": np.array([[1.0, -1.0], [1.0, -2.0], [1.0, -3.0]]),
        "b1": np.zeros(2),
        "W2": np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]),
        "b2": np.zeros(3),
    },
    np.array([[1.0, 2.0, 1.0], [3.0, 1.0, 1.0]]),
    np.array([0, 1]),
    0.1,
)


def evaluation(violations=(), problem=PROBLEM, **wrong):
    """Return an evaluation in which the entries at these indices are off by 1."""
    expected = {name: np.zeros(a.shape) for name, a in problem.like().items()}
    given = {name: a.copy() for name, a in expected.items()}
    for name, index in wrong.items():
        given[name][index] += 1
    bound = {name: np.full(a.shape, 0.5) for name, a in expected.items()}
    return Evaluation(problem, violations, tuple(compare(given, expected, bound)), Answer(given), expected, bound)


def patterns(found):
    return {f.array: f.pattern for f in findings([found], found, set())}


@pytest.mark.parametrize(
    ("name", "index", "pattern"),
    [
        ("loss", (), ""),
        ("W1", ..., "all 6 entries"),
        ("W1", (2, 1), "1 of 6 entries"),
        ("W2", (0, slice(0, 2)), "row 0 alone"),
        ("W1", (slice(None), 1), "column 1 alone"),
        ("b2", slice(0, 2), "the classes that occur alone"),
        ("W1", ([0, 1], [0, 1]), "2 of 6 entries"),
    ],
)
def test_the_wrong_entries_are_described(name, index, pattern):
    assert patterns(evaluation(**{name: index})) == {name: pattern}


def test_columns_of_units_that_are_off_are_said_to_be_dead():
    wide = replace(
        PROBLEM,
        params={
            "W1": np.array([[1.0, -1.0, -2.0, 1.0]] * 3),
            "b1": np.zeros(4),
            "W2": np.ones((4, 3)),
            "b2": np.zeros(3),
        },
    )

    assert patterns(evaluation(problem=wide, b1=[1, 2])) == {"b1": "the dead units alone"}
    assert patterns(evaluation(problem=wide, W1=(slice(None), [0, 3]))) == {"W1": "the live units alone"}


def test_findings_begin_with_the_problem_shown_and_the_last_layer_and_end_with_the_loss():
    shown, other = evaluation(loss=(), W1=0, W2=0), evaluation(b1=0, W2=0)

    found = list(findings([shown, other], shown, set()))

    assert [f.array for f in found] == ["W2", "W1", "b1", "loss"]
    assert [f.problems for f in found] == [2, 1, 1, 1]
    assert found[0].comparison == next(c for c in shown.wrong if c.name == "W2")


def test_only_violations_of_the_causes_named_are_findings_and_they_come_first():
    violations = (
        Violation("X was written to", "argument-mutated", "X"),
        Violation("it varies", "non-deterministic", "b1"),
    )
    failing = evaluation(violations, b1=0)

    found = list(findings([failing, failing], failing, {"argument-mutated"}))

    assert [(f.array, f.sentence, f.problems) for f in found[:1]] == [("X", "X was written to", 2)]
    assert [f.array for f in found] == ["X", "b1"]


def test_the_worst_entry_is_a_gradients_before_the_losss():
    assert worst_entry(evaluation(loss=(), b1=1)).name == "b1"
    assert worst_entry(evaluation(loss=())).name == "loss"
    assert worst_entry(evaluation()) is None


def test_rules_have_no_blind_spots():
    assert list(blind_spots([RuleProblem("relu", (np.ones(1),), {}, np.ones(1))])) == []


SINGLE = replace(PROBLEM, X=PROBLEM.X[:1], y=PROBLEM.y[:1])
ALL_ON = replace(PROBLEM, params={**PROBLEM.params, "W1": np.ones((3, 2))})
WITH_BIASES = replace(PROBLEM, params={**PROBLEM.params, "b1": np.array([0.0, 1.0])})


@pytest.mark.parametrize(
    ("problem", "spot"),
    [
        (SINGLE, "N = 1 everywhere hides a missing or doubled mean"),
        (replace(PROBLEM, reg=0.0), "reg = 0 everywhere hides the penalty"),
        (PROBLEM, "biases of 0 hide a penalty on them"),
        (PROBLEM, "float64 alone hides a gradient in a wrong dtype"),
        (ALL_ON, "no unit off hides the mask"),
        (PROBLEM, "no pre-activation of exactly 0 hides the convention at the kink"),
    ],
)
def test_what_the_problems_cannot_show_is_named(problem, spot):
    assert spot in blind_spots([problem])


def test_square_weights_alone_are_a_blind_spot():
    square = replace(
        PROBLEM,
        params={"W1": np.eye(2), "b1": np.zeros(2), "W2": np.eye(2), "b2": np.zeros(2)},
        X=PROBLEM.X[:, :2],
    )

    assert "square weights alone hide a shape that is wrong" in blind_spots([square])
    assert "square weights alone hide a shape that is wrong" not in blind_spots([square, PROBLEM])


def test_one_problem_that_shows_it_is_enough():
    single = replace(WITH_BIASES.map_arrays(lambda a: a.astype(np.float32) if a.dtype.kind == "f" else a), reg=0.1)
    on_the_kink = replace(PROBLEM, X=np.zeros((2, 3)))

    assert list(blind_spots([single, on_the_kink])) == []
