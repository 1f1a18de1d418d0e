"""Tests for oracle.diagnosis.perceptrons.probes."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.diagnosis.perceptrons.probes import (
    MAX_SIMPLE,
    PROBE_KINDS,
    TOLERANCE,
    Case,
    close,
    leading_label,
    probe,
    simple,
)
from tests.tools.planting import NETWORKS, answers, drawn, network


@pytest.mark.parametrize("name", NETWORKS)
def test_probes_are_of_all_kinds_and_repeatable(name):
    kinds = [kind for p in drawn(name) for kind in p.features]

    assert {kind: kinds.count(kind) for kind in kinds} == PROBE_KINDS
    for a, b in zip(drawn(name), drawn(name)):
        np.testing.assert_array_equal(a.X, b.X)
    assert any(not np.array_equal(a.X, b.X) for a, b in zip(drawn(name), drawn(name, seed=2)))


def test_probes_have_what_their_kind_says():
    for p in drawn("three_layer"):
        (kind,) = p.features
        N, D = p.X.shape
        H, K, C = (len(p.params[f"b{i}"]) for i in (1, 2, 3))
        assert {
            "plain": len({N, D, H, K, C}) == 5,
            "N = 1": N == 1,
            "N = 11": N == 11,
            "H = 1": H == K == 1,
            "all equal": N == D == H == K == C,
            "D = H": D == H == K,
            "H = C": H == K == C,
            "N = H": N == H == K,
            "zeros": not np.any(p.params["W1"][:, 0]),
            "sure": ForwardPass(p).p_y[0] > 0.5,
            "integers": np.array_equal(p.X, np.round(p.X)),
            "balanced": np.ptp(np.bincount(p.y, minlength=C)) <= 1,
        }[kind], kind
        assert p.reg > 0


def test_simple_problems_start_small_and_end_as_the_problem_has_it():
    problem = replace(network("two_layer"), reg=0.5)
    found = list(simple(problem))

    assert len(found) == 2 * MAX_SIMPLE
    assert found[0].X.shape == (1, 1)
    assert {p.reg for p in found} == {0.0, 2.0}
    assert all(np.max(np.abs(p.X)) <= 2 for p in found)


def test_label_leads_by_as_much_as_asked():
    tail, last = leading_label(network("two_layer"), by=45.0)
    s = ForwardPass(tail).s[0]

    assert last == "b2"
    assert np.sort(s)[-1] - np.sort(s)[-2] == pytest.approx(45, abs=0.1)
    assert np.argmax(s) == tail.y[0]


def test_probe_tells_data_from_penalty():
    (problem, *_) = drawn("two_layer")
    found = probe(problem, answers)

    np.testing.assert_allclose(found.penalty["W1"], problem.reg * problem.params["W1"], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.data["W1"], found.right[1].dW)
    assert found.loss == pytest.approx(found.fwd.loss)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: None,
        lambda a: {**a, "W1": a["W1"].T},
        lambda a: {name: g for name, g in a.items() if name != "loss"},
    ],
)
def test_no_answer_and_wrong_shapes_give_no_probe(spoil):
    assert probe(drawn("two_layer")[0], lambda p: spoil(answers(p))) is None


def test_case_compares_to_rounding_or_exactly():
    (problem, *_) = drawn("two_layer")
    case = Case(probe(problem, answers), 2, None)
    dW = case.probe.data["W2"]
    nearly = dW + TOLERANCE / 2 * np.max(np.abs(dW))

    assert case.is_right(["W2", "b2"])
    assert case.fits("W2", nearly)
    assert not case.fits("W2", nearly, exact=True)
    assert not case.fits("W2", dW.T)
    assert not case.fits("W2", dW + 0.1)


def test_close_is_relative_to_the_largest_entry():
    assert close([1e-20, 1.0], [0.0, 1.0])
    assert not close([1e-20], [0.0])
    assert close([1e-20], [0.0], right=1.0)
