"""The layers' values and cotangents are those of the gradient."""

import numpy as np
import pytest

from handgrad import init_params, mlp
from handgrad.networks.perceptrons.layers import backward, forward, forward_labelled


def problem():
    rng = np.random.default_rng(0)
    return init_params([4, 6, 5, 3], rng=rng), rng.standard_normal((7, 4)), rng.integers(0, 3, 7)


def test_the_forward_pass_ends_in_the_scores():
    params, X, _ = problem()

    fwd = forward(params, X, "gelu")

    np.testing.assert_allclose(fwd.scores, mlp.scores(params, X, activation="gelu"), rtol=1e-14, atol=1e-15)
    assert fwd.layers[0].h is X
    for i, layer in enumerate(fwd.layers, start=1):
        np.testing.assert_array_equal(layer.hW, layer.h @ params[f"W{i}"])
        np.testing.assert_array_equal(layer.z, layer.hW + params[f"b{i}"])


def test_the_cotangents_of_the_layers_give_the_gradient():
    params, X, y = problem()
    fwd = forward(params, X, "gelu")

    cotangents = list(backward(fwd, y, 1))

    _, grads = mlp.loss_and_grad(params, X, y, activation="gelu")
    for i, (layer, dz) in enumerate(zip(fwd.layers, cotangents[::-1], strict=True), start=1):
        np.testing.assert_allclose(layer.h.T @ dz, grads[f"W{i}"], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(dz.sum(axis=0), grads[f"b{i}"], rtol=1e-12, atol=1e-15)


def test_a_weight_scales_every_cotangent():
    params, X, y = problem()
    fwd = forward(params, X, "relu")

    for once, twice in zip(backward(fwd, y, 1), backward(fwd, y, 2), strict=True):
        np.testing.assert_array_equal(2 * once, twice)


def test_a_rule_of_your_own_has_no_known_curvature():
    params, X, _ = problem()

    fwd = forward(params, X, ["tanh", lambda z: (z**3, lambda dh, needs=(True,): (3 * z**2 * dh,))])

    assert [layer.curvature is None for layer in fwd.layers] == [False, True, False]


@pytest.mark.parametrize(("y", "reg", "message"), [([0], 0.0, "y "), ([3] * 7, 0.0, "y "), ([0] * 7, -1.0, "reg ")])
def test_labels_and_penalty_are_checked(y, reg, message):
    params, X, _ = problem()

    with pytest.raises(ValueError, match=f"^{message}"):
        forward_labelled(params, X, np.array(y), reg, "relu")
