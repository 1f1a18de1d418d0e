"""A mistake of the table, planted in a correct backward pass, is named by its cause, in whatever layer it is."""

from dataclasses import replace

import numpy as np
import pytest

from oracle import diagnosis
from tests.tools.planting import NETWORKS, TABLES, Planted, answers, drawn, probed


def first_of_each_cause(step):
    seen = {}
    for mistake in TABLES[step]:
        seen.setdefault(mistake.cause, mistake)
    return seen.values()


def explained(name, *planted):
    return diagnosis.explain(probed(drawn(name), lambda problem: answers(problem, *planted)))


def differs(a, b):
    return any(np.any(np.abs(a[name] - b[name]) > 1e-9) for name in a)


CASES = [
    (name, Planted(step, mistake, at))
    for name in ("two_layer", "mlp")
    for step in TABLES
    for mistake in first_of_each_cause(step)
    for at in ([1] if step == "dz" else [len(NETWORKS[name]) + 1] if step in ("dW", "db", "penalty") else [None])
    if name == "two_layer" or step == "dz"
]


@pytest.mark.parametrize(("name", "planted"), CASES, ids=lambda x: f"{x.step}-{x.mistake.cause}" if x != str(x) else x)
def test_cause_is_named_and_no_wrong_one(name, planted):
    shows = sum(differs(answers(problem, planted), answers(problem)) for problem in drawn(name))

    explanations, unexplained = explained(name, planted)

    causes = {cause for e in explanations for cause in (e.cause, *(a for a, _ in e.alternatives))}
    expected = "loss-and-gradient-disagree" if planted.step == "loss" else planted.mistake.cause
    assert causes == {expected} if shows > 1 else not causes
    assert not unexplained


@pytest.mark.parametrize("name", NETWORKS)
def test_correct_answers_need_no_explanation(name):
    assert explained(name) == ([], {})


def test_mistakes_of_two_layers_are_both_named():
    doubled = next(m for m in TABLES["ds"] if m.algebra == "ds = 2 (p − 1[y])/N")
    missing = next(m for m in TABLES["dz"] if m.algebra == "dz = dh")

    explanations, unexplained = explained("two_layer", Planted("ds", doubled), Planted("dz", missing, 1))

    assert [e.cause for e in explanations] == ["factor-wrong", "mask-missing"]
    assert explanations[0].arrays == ("W2", "b2")
    assert not unexplained


def test_mistake_of_the_scores_is_in_the_arrays_below_as_well():
    doubled = next(m for m in TABLES["ds"] if m.algebra == "ds = 2 (p − 1[y])/N")

    (explanation,), _ = explained("three_layer", Planted("ds", doubled))

    assert explanation.arrays == ("W3", "b3", "W2", "b2", "W1", "b1")
    assert explanation.propagates


def test_penalty_that_reaches_through_updated_weights_is_no_second_mistake():
    updated = next(m for m in TABLES["dz"] if m.uses_updated_weights)

    (explanation,), unexplained = explained("two_layer", Planted("dz", updated, 1))

    assert (explanation.cause, explanation.algebra) == ("wrong-cached-tensor", updated.algebra)
    assert not unexplained


def test_mistake_that_shows_on_some_problems_says_on_which():
    averaged = next(m for m in TABLES["db"] if m.cause == "bias-averaged")

    def ask(problem):
        return answers(problem, *[Planted("db", averaged, 2)] * (len(problem.X) > 6))

    (explanation,), _ = diagnosis.explain(probed(drawn("two_layer"), ask))

    assert explanation.cause == "bias-averaged"
    assert explanation.when == ("N > 6",)


def test_network_with_another_activation_is_explained_as_a_whole():
    def ask(problem):
        return answers(replace(problem, name="mlp", kwargs={"activation": ("tanh",)}))

    (explanation, *_), unexplained = diagnosis.explain(probed(drawn("two_layer"), ask))

    assert (explanation.cause, explanation.algebra) == ("activation-wrong", "h = tanh(z)")
    assert not unexplained


def test_what_no_mistake_explains_stays_unexplained():
    def ask(problem):
        right = answers(problem)
        return {**right, "W1": right["W1"] * (1 + np.arange(right["W1"].size).reshape(right["W1"].shape) / 1000)}

    explanations, unexplained = diagnosis.explain(probed(drawn("two_layer"), ask))

    assert not explanations
    assert unexplained.keys() == {"W1"}


def test_no_answers_give_no_explanation():
    assert diagnosis.explain([]) == ([], {})
