"""Padding changes nothing that is real, nor does NumPy carry out JAX's operations otherwise than JAX."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle import twins
from oracle.padding import pad, pad_network, unpad
from oracle.signatures import dimensions_of
from oracle.strategies import network_problems, rule_problems
from oracle.witnesses import jax_grad


def test_all_dimensions_of_a_problem_go_up_to_one_size():
    params = {"W1": np.ones((3, 2)), "b1": np.ones(2)}
    padded = [pad_network(params, np.ones((n, 3)), np.zeros(n, int)) for n in (1, 8, 9, 100)]
    assert [X.shape for _, X, _, _ in padded] == [(8, 8), (8, 8), (64, 64), (128, 128)]
    a = np.arange(6.0).reshape(2, 3)
    assert pad(a, 8).sum() == a.sum()
    np.testing.assert_array_equal(unpad(pad(a, 8), a), a)


@pytest.mark.parametrize("name", twins.RULES)
@settings(max_examples=5)
@given(data=st.data())
def test_padded_or_interpreted_rules_give_what_jax_gives(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    padded = jax_grad.testify(problem)

    value, backward = jax.vjp(lambda *a: twins.RULES[name](*a, **problem.kwargs), *problem.args)
    results = [value, *backward(problem.cotangent)]

    for result, (key, expected) in zip(results, padded.expected.items()):
        assert np.all(np.abs(result - expected) <= padded.bound[key]), key


@pytest.mark.parametrize("name", twins.NETWORKS)
@settings(max_examples=5)
@given(data=st.data())
def test_padded_networks_give_what_unpadded_ones_give(name, data):
    problem = data.draw(network_problems(name, np.float64))
    padded = jax_grad.testify(problem)

    loss = functools.partial(twins.NETWORKS[name].loss, **problem.kwargs)
    X, y = problem.X.astype(float), problem.y.astype(int)
    value, (grads, dX) = jax.value_and_grad(loss, argnums=(0, 1))(problem.params, X, y, problem.reg)

    for key, result in {"loss": value, **grads, "X": dX}.items():
        assert np.all(np.abs(result - padded.expected[key]) <= padded.bound[key]), key


def test_dimensions_are_read_off_the_twin():
    assert dimensions_of(twins.RULES["affine"]) == {
        "x": ("N", "D"),
        "W": ("D", "H"),
        "b": ("H",),
        "return": ("N", "H"),
    }
