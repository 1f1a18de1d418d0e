"""Tests for oracle.diagnosis.perceptrons.score_rounding."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.diagnosis.perceptrons.score_rounding import UNITS, spread_of_scores
from tests.tools.planting import NETWORKS, drawn


@pytest.mark.parametrize("name", NETWORKS)
def test_spread_covers_scores_that_are_off_by_as_much(name):
    rng = np.random.default_rng(0)
    for problem in drawn(name)[::6]:
        fwd = ForwardPass(problem)
        spread = spread_of_scores(problem)
        eps = UNITS * np.finfo(float).eps * np.max(np.abs(fwd.s), axis=1, keepdims=True)
        s = fwd.s + eps * rng.choice([-1, 1], fwd.s.shape)
        p = np.exp(s - s.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        rounding = 1e-15

        for right, moved in zip(fwd.backward(), fwd.backward((p - fwd.onehot) * fwd.weight)):
            assert np.all(np.abs(moved.dW - right.dW) <= spread[f"W{right.i}"] + rounding)
            assert np.all(np.abs(moved.db - right.db) <= spread[f"b{right.i}"] + rounding)


def test_spread_grows_with_the_scores_and_with_a_narrower_dtype():
    (problem, *_) = drawn("two_layer")
    larger = replace(problem, params={**problem.params, "b2": problem.params["b2"] + 100})
    narrow = replace(problem, params={name: a.astype(np.float32) for name, a in problem.params.items()})

    assert spread_of_scores(larger)["loss"] > 10 * spread_of_scores(problem)["loss"]
    assert spread_of_scores(narrow)["loss"] > 1e8 * spread_of_scores(problem)["loss"]
