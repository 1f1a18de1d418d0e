"""The reference of the two-layer network where its scores and loss are known, and entry by entry in plain Python."""

from math import log

import jax
import numpy as np
import pytest

from oracle.gradients import loops
from oracle.reference.networks.two_layer import loss, scores

params = {
    "W1": np.array([[1.0, -1.0]]),
    "b1": np.array([0.0, 0.0]),
    "W2": np.array([[1.0, 0.0], [0.0, 1.0]]),
    "b2": np.array([0.0, 0.0]),
}
X, y = np.array([[log(3)], [-log(7)]]), np.array([0, 0])


def test_a_unit_that_is_off_adds_nothing_to_the_scores():
    assert np.asarray(scores(params, X)).tolist() == [[log(3), 0], [0, log(7)]]


def test_loss_is_the_mean_cross_entropy_and_half_the_squared_weights():
    assert float(loss(params, X, y, 0.5)) == pytest.approx((log(4 / 3) + log(8)) / 2 + 1, rel=1e-15)  # p = ¾ and ⅛


def test_gradient_is_that_of_plain_loops():
    expected_loss, expected = loops.loss_and_grad(params, X, y, 0.5)

    value, grads = jax.value_and_grad(loss)(params, X, y, 0.5)

    assert float(value) == pytest.approx(expected_loss, rel=1e-15)
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-14, atol=1e-15)
