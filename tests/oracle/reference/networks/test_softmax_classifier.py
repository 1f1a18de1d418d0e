"""The reference of the linear softmax classifier where its scores and loss are known."""

from math import log

import numpy as np
import pytest

from oracle.reference.annotations import param_specs
from oracle.reference.networks.softmax_classifier import loss, scores

params = {"W1": np.array([[1.0, 0.0], [0.0, 2.0]]), "b1": np.array([0.0, -1.0])}
X, y = np.array([[log(3), 0.5], [0.0, 0.5]]), np.array([0, 1])


def test_scores_are_affine():
    assert np.asarray(scores(params, X)).tolist() == [[log(3), 0], [0, 0]]


def test_loss_is_the_mean_cross_entropy_and_half_the_squared_weights():
    # p = ¾ and ½; Σ W² = 5
    assert float(loss(params, X, y, 0.2)) == pytest.approx((log(4 / 3) + log(2)) / 2 + 0.5, rel=1e-15)


def test_a_row_with_weight_0_does_not_count():
    assert float(loss(params, X, y, 0.0, where=np.array([False, True]))) == pytest.approx(log(2), rel=1e-15)


def test_only_a_padded_class_is_padded_with_minus_infinity():
    specs = param_specs(loss)

    assert specs["b1"].fill == {"C": -np.inf}
    assert specs["W1"].fill == {}
