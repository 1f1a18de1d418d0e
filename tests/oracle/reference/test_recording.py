"""A composition of reference rules is recorded step by step, and computes as before where nothing is recorded."""

import numpy as np

from oracle import reference
from oracle.reference.recording import Step, exact_form, record
from oracle.reference.rules.activations import relu
from oracle.reference.rules.affine import affine
from oracle.reference.rules.arithmetic import multiply


def test_steps_name_their_operands_by_number_and_keep_constants_and_keywords():
    def program(params, x):
        return multiply(relu(affine(x, params["W"], params["b"])), 2.0) + params["b"]

    steps = record(program, {"W": np.eye(2), "b": np.zeros(2)}, np.ones((1, 2)))

    assert [(step.rule, step.operands) for step in steps] == [
        ("affine", (2, 0, 1)),
        ("relu", (3,)),
        ("multiply", (4, 2.0)),
        ("add", (5, 1)),
    ]


def test_keywords_that_are_none_are_left_out():
    labels = np.array([0])

    steps = record(lambda s: reference.RULES["softmax_cross_entropy"](s, labels=labels, where=None), np.ones((1, 2)))

    assert steps == [Step("softmax_cross_entropy", (0,), {"labels": labels})]


def test_a_rule_with_an_exact_form_computes_as_before():
    @exact_form(lambda x: (x, lambda dz: (dz,)))
    def double(x):
        """Return 2 x."""
        return 2 * x

    assert double(3.0) == 6.0
    assert double.__name__ == "double"
