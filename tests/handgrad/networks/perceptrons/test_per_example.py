"""The gradients of each example's loss, and their norms, against JAX's."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad import NETWORKS
from oracle.strategies.networks import network_problems
from tests.tools.network_derivatives import PERCEPTRONS, call, differences_from_jax, loss_of, small_problem

each_network = pytest.mark.parametrize("name", PERCEPTRONS)


@each_network
@settings(max_examples=12)
@given(data=st.data())
def test_example_gradients_and_their_norms_are_those_of_jax_vmap(name, data):
    problem = data.draw(network_problems(name))
    dtype = problem.dtype
    X, y = problem.X.astype(dtype), problem.y.astype(int)

    found = call("example_gradients", problem)
    norms = call("example_gradient_norms", problem)

    def each(params, X):
        gradient = jax.grad(loss_of(problem))
        return jax.vmap(lambda x, label: gradient(params, x[None], label[None]))(X, y)

    assert not differences_from_jax(found, each, problem, problem.params, X)
    for key, g in found.items():
        squares = np.sum(g.reshape(len(X), -1).astype(float) ** 2, axis=1)
        # the outer product and the penalty may cancel: to the digits of the larger of them
        larger = squares + np.sum((problem.reg * problem.params[key].astype(float)) ** 2) * (key[0] == "W")
        assert np.all(np.abs(norms[key].astype(float) ** 2 - squares) <= 500 * np.finfo(dtype).eps * larger + 1e-30), (
            key
        )
        assert norms[key].dtype == dtype


@each_network
@pytest.mark.parametrize("reg", [0.0, 0.3])
def test_the_mean_of_the_example_gradients_is_the_gradient(name, reg):
    params, X, y, kwargs = small_problem(name, np.float64)

    each = NETWORKS[name].example_gradients(params, X, y, reg, **kwargs)

    _, grads = NETWORKS[name].loss_and_grad(params, X, y, reg, **kwargs)
    for key, g in grads.items():
        np.testing.assert_allclose(each[key].mean(axis=0), g, rtol=1e-13, atol=1e-15)
