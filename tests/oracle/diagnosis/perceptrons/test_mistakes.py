"""Tests for oracle.diagnosis.perceptrons.mistakes."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from oracle.diagnosis.perceptrons import mistakes
from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, Layer, Scores, is_weight, value_and_slope
from oracle.diagnosis.perceptrons.mistakes import Mistake
from tests.tools.planting import drawn

PROBLEMS = [p for name in ("softmax_classifier", "two_layer", "mlp") for p in drawn(name)]
#: Larger ones, in which gradients are clipped.
PROBLEMS += [replace(p, params={name: 30 * a for name, a in p.params.items()}, X=30 * p.X) for p in drawn("two_layer")]


@pytest.fixture(scope="module")
def passes():
    with np.errstate(all="ignore"):
        return [(fwd, list(fwd.backward())) for fwd in map(ForwardPass, PROBLEMS)]


def values(m, table, passes):
    """Yield what a row gives on each problem, and what is right."""
    for fwd, layers in passes:
        if table == "SCORES":
            yield m.formula(fwd), fwd.ds
        elif table in ("WEIGHTS", "BIASES"):
            yield from ((m.formula(q), q.dW if table == "WEIGHTS" else q.db) for q in layers)
        elif table == "HIDDEN":
            yield from ((m.formula(q), q.dz) for q in layers[1:])
        elif table in ("WEIGHT_PENALTIES", "BIAS_PENALTIES"):
            names = [name for name in fwd.params if is_weight(name) == (table == "WEIGHT_PENALTIES")]
            yield from ((m.formula(fwd.term(name)), fwd.penalty(name)) for name in names)
        else:
            yield m.formula(fwd), fwd.loss if table == "LOSSES" else fwd.penalty_of_loss


TABLES = ("SCORES", "HIDDEN", "WEIGHTS", "BIASES", "WEIGHT_PENALTIES", "BIAS_PENALTIES", "LOSSES", "PENALTIES_OF_LOSS")
#: Right for these networks and conventions, and wrong for others.
RIGHT_HERE = {"ds = (p − 1[y])/N", "the loss is a mean and not a sum"}


@pytest.mark.parametrize("table", TABLES)
def test_every_row_keeps_the_shape_and_is_wrong_somewhere(table, passes):
    for m in getattr(mistakes, table):
        with np.errstate(all="ignore"):
            pairs = list(values(m, table, passes))

        assert all(np.shape(wrong) == np.shape(right) for wrong, right in pairs), m.algebra
        differs = any(not np.allclose(wrong, right, rtol=1e-9, atol=1e-13) for wrong, right in pairs)
        assert differs == (m.algebra not in RIGHT_HERE), m.algebra


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_there_twice(table):
    rows = [(m.cause, m.algebra) for m in getattr(mistakes, table)]

    assert len(set(rows)) == len(rows)


def test_rows_that_need_no_network_work_for_a_lone_rule():
    rng = np.random.default_rng(0)
    z, d, x = rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    value, slope = value_and_slope("tanh", z)
    hidden = Layer(1, z=z, h=value, slope=slope, activation="tanh", dh=d)
    affine = Layer(5, 5, h_prev=x, z=z, dz=d)
    lone = [
        (mistakes.SCORES, Scores(z, rng.integers(0, 3, 5)), d),
        (mistakes.HIDDEN, hidden, d),
        (mistakes.WEIGHTS, affine, affine.dW),
        (mistakes.BIASES, affine, affine.db),
    ]

    for table, q, like in lone:
        assert all(np.shape(m.formula(q)) == like.shape for m in table if not m.needs_network)
        assert any(m.needs_network for m in table)


def test_a_batch_of_one_shows_no_weights_of_examples():
    causes = {"examples-dropped", "examples-reweighted"}

    assert all(m.needs_batch == (m.cause in causes) for m in mistakes.SCORES)


def test_updated_weights_are_those_that_the_penalty_changes():
    fwd = ForwardPass(drawn("two_layer")[0])
    other = fwd.without_penalty()
    upstream = fwd.ds

    for m in mistakes.HIDDEN:
        with np.errstate(all="ignore"):
            a, b = m.formula(fwd.layer(1, upstream)), m.formula(other.layer(1, upstream))
        assert m.uses_updated_weights != np.array_equal(a, b), m.algebra


def test_only_what_is_missing_must_be_exact():
    exact = {m.algebra for m in chain(mistakes.WEIGHTS, mistakes.BIASES) if m.exact}

    assert exact == {"dW = 0", "db = 0"}


def test_a_table_gives_its_rows_their_cause_and_algebra():
    table = mistakes.mistakes(
        {"sign-flipped": {"−x": lambda q: -q, "x − 2x": Mistake("", "", lambda q: -q, exact=True)}}
    )

    assert [(m.cause, m.algebra, m.exact) for m in table] == [
        ("sign-flipped", "−x", False),
        ("sign-flipped", "x − 2x", True),
    ]
