"""The networks' loss as a graph: its value, the names of its nodes, and what is refused."""

import numpy as np
import pytest

from handgrad import ACTIVATIONS, NETWORKS, init_params, mlp
from handgrad.graph import network_loss, variables
from handgrad.graph.reverse_mode import topological_order

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((5, 4)), np.array([0, 2, 1, 1, 2])


def params_of(depth):
    return init_params([4, *[6] * (depth - 1), 3], rng=np.random.default_rng(1))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_is_that_of_the_network_by_hand(depth, name):
    activation = [name] * (depth - 1)

    found = network_loss(params_of(depth), X, Y, 0.3, activation=activation)

    by_hand = mlp.loss(params_of(depth), X, Y, 0.3, activation=activation)
    np.testing.assert_allclose(found, by_hand, rtol=1e-13)


def test_the_default_activation_is_relu():
    assert network_loss(params_of(2), X, Y) == pytest.approx(NETWORKS["two_layer"].loss(params_of(2), X, Y), rel=1e-13)


def test_nodes_have_the_names_of_the_derivation():
    J = network_loss(variables(params_of(3)), X, Y, 0.1)

    names = [node.name for node in topological_order(J) if node.rule and node.name]

    assert names == ["z1", "h1", "z2", "h2", "s", "L", "R", "J"]


def test_parameters_of_other_names_are_refused():
    with pytest.raises(ValueError, match="params must have the keys W1, b1, W2, b2, …, got W1, c1"):
        network_loss({"W1": X.T, "c1": np.zeros(5)}, X, Y)
    with pytest.raises(ValueError, match="got none"):
        network_loss({}, X, Y)


@pytest.mark.parametrize("activation", [[], ["relu", "relu"], ["rely"]])
def test_activations_that_do_not_fit_are_refused(activation):
    with pytest.raises(ValueError, match="activation must be 1 of identity, relu"):
        network_loss(params_of(2), X, Y, activation=activation)
