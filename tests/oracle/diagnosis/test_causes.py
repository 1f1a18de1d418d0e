"""Tests for oracle.diagnosis.causes."""

import re

from oracle.diagnosis.causes import VOCABULARY, Explanation
from oracle.diagnosis.perceptrons import mistakes
from oracle.diagnosis.rule_mistakes import WHOLE

TABLES = (
    mistakes.SCORES,
    mistakes.HIDDEN,
    mistakes.WEIGHTS,
    mistakes.BIASES,
    mistakes.WEIGHT_PENALTIES,
    mistakes.BIAS_PENALTIES,
    mistakes.LOSSES,
    mistakes.PENALTIES_OF_LOSS,
    WHOLE,
)


def test_every_mistake_has_a_cause_of_the_vocabulary():
    assert {m.cause for table in TABLES for m in table} <= VOCABULARY.keys()


def test_names_are_words_joined_by_hyphens():
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z]+)*", name) for name in VOCABULARY)


def test_every_cause_is_explained_by_its_own_sentence():
    sentences = [cause.sentence for cause in VOCABULARY.values()]

    assert len(set(sentences)) == len(sentences)
    assert all(s[0].isupper() or s.startswith("p − 1[y]") for s in sentences)
    assert all(s[-1] in ".?" for s in sentences)


def test_an_explanation_shows_always_and_alone_unless_it_says_otherwise():
    explanation = Explanation("sign-flipped", "dW = −hᵀ dz", ("W1",), 3)

    assert (explanation.when, explanation.alternatives, explanation.propagates) == ((), (), False)
