"""The checks that all perceptrons share, and their docstrings."""

import inspect

import numpy as np
import pytest

from handgrad import ACTIVATIONS, NETWORKS, init_params, relu, tanh
from handgrad.networks.perceptrons.arguments import (
    activation_rules,
    check_depth,
    check_problem,
    names_of_depth,
    parameter_names,
)
from tests.tools.network_derivatives import PERCEPTRONS

PARAMS = init_params([4, 6, 5, 3], rng=np.random.default_rng(0))


def test_names_follow_from_the_number_of_parameters():
    assert parameter_names(PARAMS) == names_of_depth(3) == ("W1", "b1", "W2", "b2", "W3", "b3")
    assert parameter_names({"W1": 0, "b1": 0, "W2": 0}) == names_of_depth(2)  # so that b2 is missed by name
    assert parameter_names({}) == parameter_names(None) == names_of_depth(1)


def test_another_depth_is_refused_with_the_keys():
    assert check_depth(PARAMS, 3) is PARAMS
    with pytest.raises(ValueError, match=r"keys W1, b1, W2, b2, .* W1, b1, W2, b2, W3, b3"):
        check_depth(PARAMS, 2)
    with pytest.raises(TypeError, match=r"params .* a dict of W1, b1, .* list"):
        check_depth([np.eye(2)], 1)


def test_the_activation_is_one_for_all_or_one_for_each_hidden_layer():
    assert activation_rules("tanh", PARAMS) == activation_rules(tanh, PARAMS) == [tanh, tanh]
    assert activation_rules(["relu", tanh], PARAMS) == [relu, tanh]
    with pytest.raises(ValueError, match="activation must have 2 entries, one for each hidden layer, got 1"):
        activation_rules(["relu"], PARAMS)
    with pytest.raises(ValueError, match=f"activation must be a rule or one of {', '.join(ACTIVATIONS)}, got 'step'"):
        activation_rules("step", PARAMS)


def test_data_and_penalty_come_back_in_the_parameters_dtype():
    params = {name: p.astype(np.float32) for name, p in PARAMS.items()}

    xp, X, reg = check_problem(params, np.ones((2, 4), int), np.array([0, 2]), np.float64(0.1), names_of_depth(3))

    assert xp.__name__ == "numpy"
    assert X.dtype == np.float32
    assert type(reg) is float


@pytest.mark.parametrize("name", PERCEPTRONS)
def test_help_shows_the_arguments_that_a_function_takes_and_no_others(name):
    network = NETWORKS[name]

    for function in (getattr(network, f) for f in network.__all__):
        text = inspect.getdoc(function)
        section = text.partition("Parameters\n----------\n")[2].partition("\n\nReturns\n-------\n")[0]
        documented = [line.partition(" : ")[0] for line in section.splitlines() if not line.startswith(" ")]
        assert documented == list(inspect.signature(function).parameters)
        for title in ("Raises", "Examples", "References"):
            assert f"\n\n{title}\n{'-' * len(title)}\n" in text
