"""Conventions of a loss: their factors, their formula written out, and the same meaning to JAX and exact arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from oracle import reference
from oracle.gradients import autodiff, exact
from oracle.strategies.conventions import HANDGRAD, Conventions
from oracle.strategies.networks import network_problems

CONVENTIONS = [Conventions(m, h, b) for m in (True, False) for h in (True, False) for b in (True, False)]
LOSS = reference.NETWORKS["softmax_classifier"].loss


@pytest.mark.parametrize(
    ("conventions", "weight", "bias"),
    [
        (Conventions(), 0.3, 0),
        (Conventions(half=False), 0.6, 0),
        (Conventions(biases=True), 0.3, 0.3),
        (Conventions(half=False, biases=True), 0.6, 0.6),
    ],
)
def test_strength_is_the_factor_in_the_gradient_of_the_penalty(conventions, weight, bias):
    assert conventions.strength(2, 0.3) == weight
    assert conventions.strength(1, 0.3) == bias


def test_handgrads_own_conventions_leave_the_loss_alone():
    assert HANDGRAD.loss(LOSS) is LOSS
    assert Conventions() == HANDGRAD


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_the_loss_is_the_formula_written_out(conventions):
    W, b = np.array([[1.0, 2.0]]), np.array([3.0, -1.0])
    X, y, reg = np.array([[0.5], [2.0], [-1.0]]), np.array([0, 1, 1]), 0.1
    s = X @ W + b
    rows = np.log(np.exp(s).sum(axis=1)) - s[range(3), y]
    squares = np.sum(W**2) + (np.sum(b**2) if conventions.biases else 0)

    loss = conventions.loss(LOSS)({"W1": W, "b1": b}, X, y, reg)

    expected = (rows.mean() if conventions.mean else rows.sum()) + reg * squares * (0.5 if conventions.half else 1)
    assert float(loss) == pytest.approx(expected, rel=1e-14)


@settings(max_examples=5)
@given(problem=network_problems("two_layer", np.float64))
@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_jax_and_exact_arithmetic_agree_under_any_conventions(conventions, problem):
    problem = replace(problem, conventions=conventions)

    by_jax, truth = autodiff.answers(problem), exact.answers(problem)

    for name, bound in by_jax.bound.items():
        assert np.all(np.abs(by_jax.expected[name] - np.asarray(truth[name], float)) <= bound), name
