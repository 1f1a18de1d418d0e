"""Tests for oracle.diagnosis.perceptrons.unlisted."""

import numpy as np
import pytest

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.diagnosis.perceptrons.probes import Case
from oracle.diagnosis.perceptrons.unlisted import (
    explain_by_dtype,
    explain_by_missing_entries,
    explain_by_weights,
    factor_of,
)
from tests.tools.planting import answers, drawn, probed

NAMES = ("W2", "b2")


def cases(change):
    """Return the last layer of probes whose answers are changed."""
    found = probed(drawn("two_layer"), lambda p: change(p, answers(p)))
    return [c for c in (Case(p, 2, None) for p in found) if not c.is_right(NAMES)]


def weighted(weight):
    """Return a change that gives each example a weight in the last layer."""

    def change(problem, right):
        fwd = ForwardPass(problem)
        layer = fwd.layer(2, fwd.ds * weight(len(problem.X))[:, None])
        return {**right, "W2": layer.dW + fwd.penalty("W2"), "b2": layer.db}

    return change


@pytest.mark.parametrize(
    ("weight", "cause"),
    [
        (lambda N: 1 / (1 + np.arange(N)), "examples-reweighted"),
        (lambda N: (np.arange(N) % 3 > 0).astype(float), "examples-dropped"),
        (lambda N: np.full(N, 0.3), "factor-wrong"),
        (lambda N: np.full(N, N / (N + 3)), "wrong-divisor"),
    ],
)
def test_weights_of_the_examples_are_found(weight, cause):
    explanation, dz = explain_by_weights(cases(weighted(weight)), NAMES)

    assert (explanation.cause, explanation.arrays) == (cause, NAMES)
    for case, found in dz.items():
        np.testing.assert_allclose(found, case.default.dz * weight(len(found))[:, None], rtol=1e-6, atol=1e-9)


def test_no_weights_explain_a_shift():
    assert explain_by_weights(cases(lambda p, right: {**right, "W2": right["W2"] + 1}), NAMES) is None


def test_entries_that_are_never_written_are_found():
    def change(problem, right):
        keep = np.arange(len(right["b2"])) < 3
        W2 = problem.reg * problem.params["W2"]
        return {**right, "W2": np.where(keep, right["W2"], W2), "b2": right["b2"] * keep}

    explanation, dz = explain_by_missing_entries(cases(change), NAMES)

    assert explanation.cause == "gradient-missing"
    assert all(not np.any(a[:, 3:]) for a in dz.values())


def test_zeros_beside_wrong_entries_are_no_missing_ones():
    def change(problem, right):
        return {**right, "W2": np.where(np.arange(len(right["b2"])) < 1, right["W2"] + 1, 0)}

    assert explain_by_missing_entries(cases(change), NAMES) is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrower_dtype_is_found(dtype):
    def change(problem, right):
        return {name: np.asarray(a).astype(dtype).astype(float) for name, a in right.items()}

    explanation, dz = explain_by_dtype(cases(change), NAMES)

    assert (explanation.cause, explanation.algebra) == ("dtype-demoted", f"every entry is a {np.dtype(dtype)}")
    assert not dz


def test_float64_is_no_narrower_dtype():
    assert explain_by_dtype(cases(weighted(lambda N: np.full(N, 0.3))), NAMES) is None


def test_factor_is_found_where_there_is_one():
    a = np.array([1.0, -2.0, 3.0])

    assert factor_of(2.5 * a, a) == pytest.approx(2.5)
    assert factor_of(a + 1, a) is None
    assert factor_of(a, 0 * a) is None
