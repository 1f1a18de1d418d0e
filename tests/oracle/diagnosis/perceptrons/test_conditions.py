"""Tests for oracle.diagnosis.perceptrons.conditions."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.diagnosis.perceptrons.conditions import conditions
from tests.tools.planting import drawn

PROBES = drawn("two_layer")


def found_for(holds, **options):
    return conditions([p for p in PROBES if holds(p)], [p for p in PROBES if not holds(p)], **options)


@pytest.mark.parametrize(
    ("holds", "condition"),
    [
        (lambda p: len(p.X) == 1, "N = 1"),
        (lambda p: len(p.X) > 6, "N > 6"),
        (lambda p: len(p.X) < 4, "N < 4"),
        (lambda p: 3 <= len(p.X) <= 5, "N from 3 to 5"),
        (lambda p: p.X.shape[1] == len(p.params["b1"]), "D = H"),
        (lambda p: p.X.shape[1] != len(p.params["b1"]), "D ≠ H"),
        (lambda p: len(p.params["b1"]) == 1 and len(p.X) > 1, "H = 1"),
        (lambda p: p.reg > 1, "reg > 1"),
        (lambda p: len(p.X) % 2 == 1, "N is odd"),
        (lambda p: 0 in p.y, "label 0 occurs"),
        (lambda p: np.any(p.X @ p.params["W1"] + p.params["b1"] == 0), "a pre-activation is exactly 0"),
    ],
)
def test_condition_of_the_failing_problems_is_found(holds, condition):
    assert found_for(holds)[0] == condition


def test_conditions_of_arrays_are_found():
    fortran = [replace(p, X=np.asfortranarray(p.X)) for p in PROBES if min(p.X.shape) > 1]
    narrow = [replace(p, y=p.y.astype(np.uint8)) for p in PROBES]

    assert conditions(fortran, PROBES) == ("an array is not C-contiguous",)
    assert conditions(narrow, PROBES) == ("the labels are not int64", "the labels are unsigned")


def test_no_more_conditions_are_named_than_asked_for():
    narrow = [replace(p, y=p.y.astype(np.uint8)) for p in PROBES]

    assert [len(conditions(narrow, PROBES, most=most)) for most in (1, 2, 3)] == [1, 2, 3]


def test_one_problem_of_a_side_is_too_few():
    assert conditions(PROBES[:1], PROBES[1:]) == ()
    assert conditions(PROBES[1:], PROBES[:1]) == ()


def test_alike_problems_have_no_condition():
    assert conditions(PROBES, PROBES) == ()
