"""Tests for oracle.diagnosis.perceptrons.loss_and_penalty."""

import numpy as np
import pytest

from oracle.diagnosis.causes import Explanation
from oracle.diagnosis.perceptrons.loss_and_penalty import explain_loss, explain_penalty
from tests.tools.planting import answers, drawn, probed


def penalised(change, name="W1"):
    """Return probes of a candidate whose penalty in the gradient ``name`` is another."""

    def ask(problem):
        right = answers(problem)
        return {**right, name: right[name] + change(problem)} if problem.reg else right

    return probed(drawn("two_layer"), ask)


@pytest.mark.parametrize(
    ("name", "change", "cause", "algebra"),
    [
        ("W1", lambda p: -p.reg * p.params["W1"], "l2-missing", "dW1 has no reg W1"),
        ("W1", lambda p: p.reg * p.params["W1"], "l2-doubled", "dW1 has 2 reg W1"),
        ("W1", lambda p: (1 / len(p.X) - 1) * p.reg * p.params["W1"], "l2-scaled-by-batch", "dW1 has reg W1/N"),
        ("W1", lambda p: p.reg * (np.sign(p.params["W1"]) - p.params["W1"]), "l2-not-squared", "dW1 has reg sign(W1)"),
        ("W1", lambda p: 0.3 * p.reg * p.params["W1"], "l2-scaled", "dW1 has 1.3 reg W1"),
        ("b1", lambda p: p.reg * p.params["b1"], "l2-on-bias", "db1 has reg b1"),
        ("b1", lambda p: 0.3 * p.reg * p.params["b1"], "l2-on-bias", "db1 has 0.3 reg b1"),
    ],
)
def test_wrong_penalty_is_named(name, change, cause, algebra):
    explanation, unexplained = explain_penalty(penalised(change, name), name)

    assert (explanation.cause, explanation.algebra, explanation.arrays) == (cause, algebra, (name,))
    assert not unexplained


def test_correct_penalty_needs_no_explanation():
    assert explain_penalty(penalised(lambda p: 0), "W1") == (None, False)


def test_penalty_that_nothing_explains_is_reported():
    assert explain_penalty(penalised(lambda p: p.reg * np.cos(p.params["W1"])), "W1") == (None, True)


def test_what_updated_weights_bring_is_no_mistake_of_the_penalty():
    probes = penalised(lambda p: p.reg * np.ones_like(p.params["W1"]))

    brought = [p.fwd.reg * np.ones_like(p.fwd.params["W1"]) for p in probes]

    assert explain_penalty(probes, "W1", brought) == (None, False)


def with_loss(change):
    def ask(problem):
        right = answers(problem)
        return {**right, "loss": right["loss"] + change(problem)}

    return probed(drawn("two_layer"), ask)


def half_penalty(p):
    return p.reg / 2 * sum(np.sum(p.params[name] ** 2) for name in ("W1", "W2"))


def test_wrong_loss_beside_correct_gradients_disagrees_with_them():
    (explanation,), unexplained = explain_loss(with_loss(half_penalty), [], {})

    assert (explanation.cause, explanation.algebra) == ("loss-and-gradient-disagree", "the loss has reg Σ W²")
    assert not unexplained


def test_mistake_of_loss_and_gradient_is_one():
    doubled = Explanation("l2-doubled", "dW1 has 2 reg W1", ("W1",), 3)

    (explanation,), _ = explain_loss(with_loss(half_penalty), [doubled], {})

    assert (explanation.cause, explanation.arrays) == ("l2-doubled", ("loss", "W1"))


def test_unknown_loss_beside_other_mistakes_stays_unexplained():
    found = explain_loss(with_loss(lambda p: len(p.X) ** 0.5), [], {"W1": ()})

    assert found == ([], True)


def test_unknown_loss_alone_disagrees_with_the_gradients():
    (explanation,), _ = explain_loss(with_loss(lambda p: len(p.X) ** 0.5), [], {})

    assert explanation.algebra == "the gradient is right, and the loss is not"


def test_correct_loss_leaves_the_explanations_as_they_are():
    assert explain_loss(with_loss(lambda p: 0), [], {}) == ([], False)
