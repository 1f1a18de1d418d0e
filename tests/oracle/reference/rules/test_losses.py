"""The mean cross-entropy where it is known, exactly and by jax.numpy, and without the rows that do not count."""

from math import log

import jax
import numpy as np
import pytest

from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules.losses import softmax_cross_entropy

exactly = exact_form_of(softmax_cross_entropy)


@pytest.mark.parametrize("C", [1, 2, 10])
def test_equal_scores_cost_log_C(C):
    scores, labels = np.full((3, C), 7.0), np.zeros(3, int)

    assert float(softmax_cross_entropy(scores, labels=labels)) == pytest.approx(log(C), abs=1e-15)
    assert float(exactly(numbers(scores), labels=labels)[0][()]) == pytest.approx(log(C), abs=1e-15)


def test_loss_and_gradient_of_probabilities_that_are_known():
    scores, labels = np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([0, 1])  # p = ¼, ¾ and ½, ½

    value, backward = exactly(numbers(scores), labels=labels)
    (ds,) = backward(numbers(2.0))
    by_jax, vjp = jax.vjp(lambda s: softmax_cross_entropy(s, labels=labels), scores)

    assert [float(value[()]), float(by_jax)] == pytest.approx([log(8) / 2] * 2, rel=1e-15)
    expected = np.array([[-0.75, 0.75], [0.5, -0.5]])  # (p − 1) / N, times the cotangent
    np.testing.assert_allclose(np.asarray(ds, float), expected, rtol=1e-15)
    np.testing.assert_allclose(vjp(np.array(2.0))[0], expected, rtol=1e-15)


def test_the_gradient_of_a_label_that_leads_keeps_its_digits():
    _, backward = exactly(numbers([[100.0, 0.0]]), labels=np.array([0]))

    (ds,) = backward(numbers(1.0))

    assert float(ds[0, 0]) == pytest.approx(-np.exp(-100.0), rel=1e-14)
    assert ds[0, 0] == -ds[0, 1]


def test_a_row_that_does_not_count_changes_nothing():
    scores, labels = np.log([[1.0, 3.0], [5.0, 1.0]]), np.array([0, 1])

    masked = softmax_cross_entropy(scores, labels=labels, where=np.array([True, False]))

    assert float(masked) == pytest.approx(log(4), rel=1e-15)


def test_a_class_whose_score_is_minus_infinity_changes_nothing():
    padded = softmax_cross_entropy(np.array([[0.0, log(3), -np.inf]]), labels=np.array([0]))

    assert float(padded) == pytest.approx(log(4), rel=1e-15)
