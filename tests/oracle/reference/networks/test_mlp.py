"""The reference of the multilayer perceptron: its parameters, its activations, and where its scores are known."""

from math import log

import numpy as np
import pytest

from handgrad import ACTIVATIONS
from oracle.reference.annotations import param_specs
from oracle.reference.networks import mlp, softmax_classifier
from oracle.reference.networks.mlp import HIDDEN, loss, scores


def test_every_activation_and_depth_is_drawn():
    assert {name for names in HIDDEN.values for name in names} == set(ACTIVATIONS)
    assert {len(names) for names in HIDDEN.values} == {0, 1, 2, 3}


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_each_layer_takes_what_the_one_before_gives(depth):
    specs = param_specs(loss, activation=("tanh",) * depth)

    weights = [spec.shapes[0] for name, spec in specs.items() if name.startswith("W")]
    biases = [spec.shapes[0] for name, spec in specs.items() if name.startswith("b")]
    assert len(weights) == depth + 1
    assert (weights[0][0], weights[-1][1]) == ("D", "C")
    assert [after[0] for after in weights[1:]] == [before[1] for before in weights[:-1]]
    assert biases == [dims[1:] for dims in weights]


def test_activations_are_applied_in_their_order():
    params = {
        "W1": np.eye(1),
        "b1": np.zeros(1),
        "W2": -np.eye(1),
        "b2": np.zeros(1),
        "W3": np.eye(1),
        "b3": np.zeros(1),
    }
    X = np.array([[log(3)]])

    # sigmoid(log 3) = ¾, and relu(−¾) = 0; the other way, relu(log 3) = log 3, and sigmoid(−log 3) = ¼
    assert np.asarray(scores(params, X, activation=("sigmoid", "relu"))).tolist() == [[0]]
    assert float(scores(params, X, activation=("relu", "sigmoid"))[0, 0]) == pytest.approx(0.25, rel=1e-15)


def test_without_hidden_layers_it_is_the_softmax_classifier():
    rng = np.random.default_rng(0)
    params = {"W1": rng.standard_normal((3, 4)), "b1": rng.standard_normal(4)}
    X, y = rng.standard_normal((5, 3)), rng.integers(0, 4, 5)

    assert loss(params, X, y, 0.3, activation=()) == softmax_classifier.loss(params, X, y, 0.3)


def test_an_unknown_activation_is_an_error():
    params = {name: np.zeros((1, 1)) for name in ("W1", "b1", "W2", "b2")}

    with pytest.raises(AttributeError, match="tanhh"):
        mlp.scores(params, np.zeros((1, 1)), activation=("tanhh",))
