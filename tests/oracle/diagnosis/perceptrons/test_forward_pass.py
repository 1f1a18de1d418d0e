"""Tests for oracle.diagnosis.perceptrons.forward_pass."""

import numpy as np
import pytest

import handgrad
from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, Scores, is_weight, layer_of, value_and_slope
from oracle.strategies.conventions import Conventions
from tests.tools.planting import NETWORKS, drawn

NEAR = {"rtol": 1e-12, "atol": 1e-14}


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_and_backward_pass_are_handgrads(name):
    for problem in drawn(name)[::5]:
        fwd = ForwardPass(problem)
        loss, grads = getattr(handgrad, name).loss_and_grad(
            problem.params, problem.X, problem.y, problem.reg, **problem.kwargs
        )

        np.testing.assert_allclose(fwd.loss + fwd.penalty_of_loss, loss, **NEAR)
        for layer in fwd.backward():
            for parameter in (f"W{layer.i}", f"b{layer.i}"):
                mine = layer.gradient(parameter) + fwd.penalty(parameter)
                np.testing.assert_allclose(mine, grads[parameter], **NEAR)


def test_conventions_change_weight_and_penalty():
    (problem, *_) = drawn("two_layer", Conventions(mean=False, half=False, biases=True))
    fwd = ForwardPass(problem)

    assert (fwd.weight, fwd.mean_factor) == (1.0, 1)
    np.testing.assert_array_equal(fwd.penalty("b1"), 2 * problem.reg * problem.params["b1"])
    assert not np.any(fwd.without_penalty().penalty("b1"))
    assert np.any(fwd.penalty("b1"))


def test_backward_pass_is_linear_in_ds():
    fwd = ForwardPass(drawn("three_layer")[0])

    for once, twice in zip(fwd.backward(), fwd.backward(2 * fwd.ds)):
        np.testing.assert_array_equal(2 * once.dW, twice.dW)


def test_magnitudes_bound_the_gradients():
    fwd = ForwardPass(drawn("mlp")[0])

    for layer, bound in zip(fwd.backward(), fwd.magnitudes().backward(np.abs(fwd.ds))):
        assert np.all(np.abs(layer.dW) <= bound.dW * (1 + 1e-12))


def test_another_dz_leaves_what_comes_from_above():
    _, layer = ForwardPass(drawn("two_layer")[0]).backward()
    other = layer.with_dz(3 * layer.dz)

    assert other.dh is layer.dh
    np.testing.assert_allclose(other.dW, 3 * layer.dW, **NEAR)


def test_scores_alone_have_their_gradient():
    s, y = np.array([[0.0, np.log(3)]]), np.array([1])
    scores = Scores(s, y)

    np.testing.assert_allclose(scores.p, [[0.25, 0.75]])
    np.testing.assert_allclose(scores.ds, [[0.25, -0.25]])
    np.testing.assert_allclose(scores.loss, -np.log(0.75))


def test_value_and_slope_take_the_options_of_an_activation():
    value, slope = value_and_slope("leaky_relu", np.array([-2.0, 3.0]), negative_slope=0.5)

    np.testing.assert_array_equal(value, [-1, 3])
    np.testing.assert_array_equal(slope, [0.5, 1])


def test_names_of_parameters_are_a_kind_and_a_layer():
    assert [(is_weight(name), layer_of(name)) for name in ("W1", "b12")] == [(True, 1), (False, 12)]
