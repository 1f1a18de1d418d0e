"""Padding changes nothing that is real, nor does NumPy carry out JAX's operations otherwise than JAX."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle import reference
from oracle.gradients import autodiff, exact
from oracle.reference.annotations import dimensions_of
from oracle.rounding.monte_carlo import perturbed
from oracle.strategies.padding import pad, pad_network, unpad
from oracle.strategies.problems import network_problems, rule_problems


def test_all_dimensions_of_a_problem_go_up_to_one_size():
    params = {"W1": np.ones((3, 2)), "b1": np.ones(2)}
    padded = [pad_network(params, np.ones((n, 3)), np.zeros(n, int)) for n in (1, 8, 9, 100)]
    assert [X.shape for _, X, _, _ in padded] == [(8, 8), (8, 8), (40, 40), (128, 128)]
    a = np.arange(6.0).reshape(2, 3)
    assert pad(a, 8).sum() == a.sum()
    np.testing.assert_array_equal(unpad(pad(a, 8), a), a)


def interpreted(f, *args):
    """Return f's results without compiling it for the shapes of the arguments."""
    return perturbed(f, *args, compiled=False)(float, *args)[0]


@pytest.mark.parametrize("name", reference.RULES)
@settings(max_examples=5)
@given(data=st.data())
def test_padded_or_interpreted_rules_give_what_jax_gives(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    testimony = autodiff.testify(problem)
    args = problem.args, problem.cotangent

    def vjp(args, cotangent):
        value, backward = jax.vjp(lambda *a: reference.RULES[name](*a, **problem.kwargs), *args)
        return value, *backward(cotangent)

    is_padded = "return" in dimensions_of(reference.RULES[name])  # and compiled; what is not, is interpreted
    results = interpreted(vjp, *args) if is_padded else jax.jit(vjp)(*args)

    for result, (key, expected) in zip(results, testimony.expected.items(), strict=True):
        agrees = np.all(np.abs(result - expected) <= testimony.bound[key])
        if not agrees and not is_padded:  # JAX's own log1p is off by 128 units near 1 − √2
            agrees = np.all(exact.error(expected, exact.testify(problem)[key]) <= testimony.bound[key])
        assert agrees, key


@pytest.mark.parametrize("name", reference.NETWORKS)
@settings(max_examples=5)
@given(data=st.data())
def test_padded_networks_give_what_unpadded_ones_give(name, data):
    problem = data.draw(network_problems(name, np.float64))
    padded = autodiff.testify(problem)

    loss = functools.partial(reference.NETWORKS[name].loss, **problem.kwargs)
    args = problem.params, problem.X.astype(float), problem.y.astype(int), problem.reg
    value, (grads, dX) = interpreted(jax.value_and_grad(loss, argnums=(0, 1)), *args)

    for key, result in {"loss": value, **grads, "X": dX}.items():
        assert np.all(np.abs(result - padded.expected[key]) <= padded.bound[key]), key


def test_dimensions_are_read_off_the_twin():
    assert dimensions_of(reference.RULES["affine"]) == {
        "x": ("N", "D"),
        "W": ("D", "H"),
        "b": ("H",),
        "return": ("N", "H"),
    }
