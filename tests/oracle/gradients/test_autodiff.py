"""The reference is what JAX itself computes, even where NumPy carried out its operations first."""

import jax.numpy as jnp
import numpy as np
import pytest

from oracle.gradients import autodiff, exact
from oracle.strategies.networks import NetworkProblem
from oracle.strategies.rules import RuleProblem


def forbidden():
    raise AssertionError("JAX was called")


@pytest.mark.parametrize(
    ("value", "dx", "agree"),
    [
        (1.0, 2.0, [True, True]),
        (1 + 1e-13, 2.0, [True, True]),  # as JAX has it
        (1 + 1e-13, 3.0, [True, False]),
        (1 + 5e-14, 2.0, [False, True]),  # as neither
    ],
)
def test_an_array_is_right_if_it_is_what_jaxs_operations_give(value, dx, agree):
    bound = {"value": np.array(2e-15), "dx": np.array(2e-15)}
    by_jax = {"value": np.array(1 + 1e-13), "dx": np.array(2.0)}
    reference = autodiff.Reference({"value": np.array(1.0), "dx": np.array(2.0)}, bound, lambda: by_jax)

    assert [c.agrees for c in reference.compare({"value": value, "dx": dx})] == agree


@pytest.mark.parametrize("value", [1.0, 1.1, np.nan])
def test_jax_is_not_called_for_what_agrees_or_is_far_off(value):
    reference = autodiff.Reference({"value": np.array(1.0)}, {"value": np.array(2e-15)}, forbidden)

    assert reference.compare({"value": value})[0].agrees == (value == 1.0)


def test_jaxs_own_operations_are_those_of_the_rule():
    x = np.linspace(-0.41, -0.3, 12).reshape(3, 4)

    by_jax = autodiff.answers(RuleProblem("log1p", (x,), {}, np.ones_like(x))).by_jax()

    assert np.array_equal(by_jax["value"], jnp.log1p(x))
    np.testing.assert_allclose(by_jax["dx"], 1 / (1 + x), rtol=1e-15)
    assert autodiff.answers(RuleProblem("relu", (x,), {}, np.ones_like(x)), compiled=True).by_jax is None


def test_the_bound_covers_what_is_lost_beside_a_large_bias():
    params = {"W1": np.array([[3e-13, 0.0]]), "b1": np.array([1e4, 1e4])}  # both scores are 10⁴ in float64
    problem = NetworkProblem("softmax_classifier", params, np.ones((1, 1)), np.array([1]), reg=0.0)

    found, truth, bound = problem.answers(), exact.answers(problem), autodiff.answers(problem).bound

    assert found["b1"].tolist() == [0.5, -0.5]
    assert exact.error(found["b1"], truth["b1"]).max() > 100 * np.finfo(float).eps
    assert np.all(exact.error(found["b1"], truth["b1"]) <= bound["b1"])
    assert np.all(bound["b1"] < 1e-10)
