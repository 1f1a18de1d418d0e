"""The cross-entropy: its tails, masked classes and labels."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad import softmax_cross_entropy
from oracle.gradients import exact
from oracle.reference import RULES
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.strategies.rules import rule_problems


@given(problem=rule_problems("softmax_cross_entropy", np.float64))
def test_rows_of_the_score_gradient_sum_to_zero(problem):
    (scores,), labels = problem.args, problem.kwargs["labels"]

    _, backward = softmax_cross_entropy(scores, labels=labels)
    (ds,) = backward(1.0)

    rounding = scores.shape[1] * np.finfo(float).eps * np.abs(ds).sum(axis=1)
    assert np.all(np.abs(ds.sum(axis=1)) <= rounding + np.finfo(float).tiny)


@pytest.mark.parametrize("lead", [0.0, 1e-9, 1.0, 30.0, 36.8, 40.0, 300.0, 700.0, -1.0, -40.0, -1e4])
def test_loss_and_gradient_keep_their_digits_however_far_the_label_leads(lead):
    scores, labels = np.array([[lead, 0.0, -1.0]]), np.array([0])

    L, backward = softmax_cross_entropy(scores, labels=labels)
    (ds,) = backward(1.0)

    with mpmath.workdps(60):
        exact_L, exact_backward = exact_form_of(RULES["softmax_cross_entropy"])(numbers(scores), labels=labels)
        (exact_ds,) = exact_backward(1)
    ulps = 8 * np.finfo(float).eps * max(1.0, abs(lead))  # e^lead is conditioned by the lead
    assert abs(L - float(exact_L)) <= ulps * float(exact_L)
    assert np.all(exact.error(ds, exact_ds) <= ulps * np.abs(exact_ds.astype(float)))


def test_scores_of_ten_thousand_neither_overflow_nor_vanish():
    scores = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, -1e4]])

    L, backward = softmax_cross_entropy(scores, labels=np.array([0, 0, 1]))
    (ds,) = backward(3.0)

    assert L == pytest.approx((0 + 2e4 + 2 * np.log(2)) / 3, rel=1e-15)
    expected = [[0, 0, 0], [-1, 0.5, 0.5], [0.5, -0.5, 0]]
    np.testing.assert_array_equal(ds, expected)


def test_a_class_with_score_minus_infinity_takes_no_part():
    masked = np.array([[1.0, -np.inf, 2.0]])

    L, backward = softmax_cross_entropy(masked, labels=np.array([0]))
    (ds,) = backward(1.0)
    expected_L, expected_backward = softmax_cross_entropy(masked[:, [0, 2]], labels=np.array([0]))

    assert L == expected_L
    np.testing.assert_array_equal(ds[:, [0, 2]], expected_backward(1.0)[0])
    assert ds[0, 1] == 0


@given(dtype=st.sampled_from(["uint8", "int8", "int16", "uint32", "int64", "uint64"]))
def test_labels_of_any_integer_dtype_give_the_same_loss(dtype):
    scores = np.arange(6.0).reshape(2, 3)

    assert softmax_cross_entropy(scores, labels=np.array([2, 0], dtype))[0] == pytest.approx(
        softmax_cross_entropy(scores, labels=np.array([2, 0]))[0], abs=0
    )


def test_labels_that_do_not_fit_are_refused():
    scores = np.zeros((2, 3))

    for labels, error in [
        (np.array([0, 3]), "labels must be in \\[0, 3\\), got 3"),
        (np.array([-1, 0]), "labels must be in \\[0, 3\\), got -1"),
        (np.array([0]), r"shape \(2,\)"),
        (np.array([[0], [1]]), r"shape \(2,\)"),
    ]:
        with pytest.raises(ValueError, match=error):
            softmax_cross_entropy(scores, labels=labels)
    for labels in (np.array([0.0, 1.0]), np.array([True, False]), [0, 1]):
        with pytest.raises(TypeError, match="labels must be"):
            softmax_cross_entropy(scores, labels=labels)
    with pytest.raises(ValueError, match="at least one example"):
        softmax_cross_entropy(np.zeros((0, 3)), labels=np.zeros(0, int))
    with pytest.raises(ValueError, match=r"softmax_cross_entropy: scores must be \(N, C\), got \(3,\)"):
        softmax_cross_entropy(np.zeros(3), labels=np.zeros(3, int))
