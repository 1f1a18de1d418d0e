"""The complex step is exact to rounding, on the kinks too, and needs no JAX."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.gradients import autodiff, complex_step
from oracle.rounding.bounds import compare
from oracle.strategies.networks import network_problems
from oracle.strategies.rules import RuleProblem


@pytest.mark.parametrize("name", ["softmax_classifier", "two_layer", "three_layer"])
@settings(max_examples=30)
@given(data=st.data())
def test_equals_jax_on_networks_of_rectified_units(name, data):
    problem = data.draw(network_problems(name, np.float64))

    found = complex_step.answers(problem)
    by_jax = autodiff.answers(problem)

    assert all(c.agrees for c in compare(found, by_jax.expected, by_jax.bound))


def test_gradient_is_exact_to_rounding():
    x = np.linspace(-2, 2, 9)

    found = complex_step.gradient(lambda p: np.sum(np.sin(p["x"]) * np.exp(p["x"])), {"x": x})

    np.testing.assert_allclose(found["x"], (np.sin(x) + np.cos(x)) * np.exp(x), rtol=4e-16, atol=2e-16)


def test_slope_of_a_rectified_unit_at_zero_is_zero():
    found = complex_step.gradient(lambda p: np.sum(np.where(p["z"].real > 0, p["z"], 0)), {"z": np.array([-1.0, 0, 1])})

    assert found["z"].tolist() == [0, 0, 1]


def test_an_activation_without_a_complex_form_has_no_answers():
    smooth = network_problems("mlp", np.float64, activation=["tanh"])

    @settings(max_examples=1, database=None)
    @given(problem=smooth)
    def property_test(problem):
        assert complex_step.answers(problem) is None

    property_test()


def test_needs_no_jax_for_the_numbers():
    """The arithmetic is NumPy's: with JAX's functions made unusable it gives the same."""
    code = """
import jax.numpy
for name in ("exp", "log", "matmul", "dot", "sum", "where", "asarray"):
    setattr(jax.numpy, name, None)
import numpy as np
from oracle.gradients.complex_step import gradient
assert gradient(lambda p: np.exp(p["x"]).sum(), {"x": np.zeros(2)})["x"].tolist() == [1, 1]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cotangent_of_zero_leaves_the_value():
    problem = RuleProblem("l2", (np.array([[2.0]]),), {"reg": 1.0}, np.array(0.0))

    found = complex_step.answers(problem)

    assert found == {"value": 2.0, "dW": 0.0}
