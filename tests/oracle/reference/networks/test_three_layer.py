"""The reference of the three-layer network where its scores are known, and beside the multilayer perceptron."""

from math import log

import jax
import numpy as np
import pytest

from oracle.reference.networks import mlp
from oracle.reference.networks.three_layer import loss, scores

params = {
    "W1": np.array([[1.0, -1.0]]),
    "b1": np.array([0.0, 0.5]),
    "W2": np.array([[2.0], [-4.0]]),
    "b2": np.array([-1.0]),
    "W3": np.array([[log(3), 0.0]]),
    "b3": np.array([0.0, 0.0]),
}
X, y = np.array([[1.0], [-1.0]]), np.array([0, 1])


def test_scores_pass_two_rectified_layers():
    # h1 = (1, 0) and (0, 1.5); z2 = 1 and −7, so that h2 = 1 and 0
    assert np.asarray(scores(params, X)).tolist() == [[log(3), 0], [0, 0]]


def test_loss_is_the_mean_cross_entropy_and_half_the_squared_weights():
    squares = 2 + 20 + log(3) ** 2

    assert float(loss(params, X, y, 0.2)) == pytest.approx((log(4 / 3) + log(2)) / 2 + 0.1 * squares, rel=1e-15)


def test_it_is_a_multilayer_perceptron_of_two_rectified_layers():
    def same(*args):
        return mlp.loss(*args, activation=("relu", "relu"))

    assert str(jax.make_jaxpr(loss)(params, X, y, 0.2)) == str(jax.make_jaxpr(same)(params, X, y, 0.2))
