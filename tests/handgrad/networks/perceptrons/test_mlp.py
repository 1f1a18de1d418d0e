"""The multilayer perceptron: its activations, and the gradient of its data on request."""

import re

import numpy as np
import pytest

from handgrad import init_params, mlp, tanh


def problem():
    rng = np.random.default_rng(0)
    return init_params([4, 5, 6, 3], rng=rng), rng.standard_normal((7, 4)), rng.integers(0, 3, 7), 0.1


@pytest.mark.parametrize("activation", [tanh, [tanh, tanh], ["tanh", tanh]])
def test_an_activation_may_be_a_name_or_a_rule_for_all_layers_or_one_each(activation):
    loss, grads = mlp.loss_and_grad(*problem(), activation=activation)

    expected, expected_grads = mlp.loss_and_grad(*problem(), activation="tanh")
    assert loss == expected
    assert all(np.array_equal(g, expected_grads[name]) for name, g in grads.items())


@pytest.mark.parametrize("params", [None, 3, [np.eye(2), np.ones(2)]])
def test_parameters_that_are_not_a_dict_are_refused(params):
    _, X, y, reg = problem()

    with pytest.raises(TypeError, match=re.escape(f"params must be a dict of W1, b1, got {type(params).__name__}")):
        mlp.loss(params, X, y, reg)


@pytest.mark.parametrize("input_grad", [False, True])
def test_the_gradient_of_the_data_is_computed_on_request_only(monkeypatch, input_grad):
    asked = []

    def recorded(x, W, b):
        z, backward = rule(x, W, b)
        return z, lambda dz, **kwargs: asked.append(kwargs["needs"]) or backward(dz, **kwargs)

    rule = mlp.affine
    monkeypatch.setattr(mlp, "affine", recorded)
    mlp.loss_and_grad(*problem(), input_grad=input_grad)

    assert asked == [(True, True, True), (True, True, True), (input_grad, True, True)]
