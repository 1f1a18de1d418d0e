"""Second derivatives and Jacobians of every network, against JAX's."""

import functools
import re

import array_api_strict
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad import NETWORKS, mlp, tanh, two_layer
from oracle import reference
from oracle.strategies.networks import network_problems
from tests.tools.network_derivatives import PERCEPTRONS, call, differences_from_jax, loss_of, small_problem

each_network = pytest.mark.parametrize("name", PERCEPTRONS)
each_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def direction_for(problem, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(p.shape).astype(p.dtype) for name, p in problem.params.items()}


@each_network
@settings(max_examples=12)
@given(data=st.data())
def test_hvp_is_jaxs_product_with_the_hessian(name, data):
    problem = data.draw(network_problems(name))
    dtype = problem.dtype
    direction, X, y = direction_for(problem, 0), problem.X.astype(dtype), problem.y.astype(int)

    found = call("hvp", problem, direction)

    def product(params, direction, X):
        gradient = jax.grad(lambda params: loss_of(problem)(params, X, y))
        return jax.jvp(gradient, (params,), (direction,))[1]

    assert not differences_from_jax(found, product, problem, problem.params, direction, X)


@each_network
@settings(max_examples=12)
@given(data=st.data())
def test_gauss_newton_is_that_of_jaxs_jacobian(name, data):
    problem = data.draw(network_problems(name))
    dtype = problem.dtype
    direction, X, y = direction_for(problem, 1), problem.X.astype(dtype), problem.y.astype(int)
    scores = functools.partial(reference.NETWORKS[name].scores, **problem.kwargs)

    found = call("gauss_newton_product", problem, direction)

    def product(params, direction, X):
        s, Rs = jax.jvp(lambda params: scores(params, X), (params,), (direction,))
        p = jax.nn.softmax(s)
        Rds = p * (Rs - jnp.sum(p * Rs, axis=1, keepdims=True)) / len(y)
        (product,) = jax.vjp(lambda params: scores(params, X), params)[1](Rds)
        reg = float(problem.dtype.type(problem.reg))
        return {key: g + reg * direction[key] if key[0] == "W" else g for key, g in product.items()}

    assert not differences_from_jax(found, product, problem, problem.params, direction, X)


@each_network
@each_dtype
def test_the_diagonal_is_that_of_the_whole_gauss_newton_matrix(name, dtype):
    params, X, y, kwargs = small_problem(name, dtype)

    found = NETWORKS[name].gauss_newton_diagonal(params, X, y, 0.3, **kwargs)

    for key, p in params.items():
        for index in np.ndindex(p.shape):
            unit = {k: np.zeros_like(q) for k, q in params.items()}
            unit[key][index] = 1
            column = NETWORKS[name].gauss_newton_product(params, unit, X, y, 0.3, **kwargs)
            assert np.isclose(found[key][index], column[key][index], rtol=100 * np.finfo(dtype).eps, atol=0)
        assert found[key].dtype == dtype


@each_network
@settings(max_examples=12)
@given(data=st.data())
def test_input_jacobian_is_jaxs(name, data):
    problem = data.draw(network_problems(name))
    dtype = problem.dtype
    scores = functools.partial(reference.NETWORKS[name].scores, **problem.kwargs)

    found = NETWORKS[name].input_jacobian(problem.params, problem.X, **problem.kwargs)

    def each(params, X):
        return {"S": jax.vmap(jax.jacrev(lambda x: scores(params, x[None])[0]))(X)}

    assert not differences_from_jax({"S": found}, each, problem, problem.params, problem.X.astype(dtype))


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_hessian_by_columns_is_symmetric_and_jaxs(activation):
    params, X, y, _ = small_problem("mlp", np.float64)
    kwargs = {"activation": (activation, activation)}
    loss = functools.partial(reference.NETWORKS["mlp"].loss, **kwargs)

    flat = jax.flatten_util.ravel_pytree(params)
    columns = []
    for unit in np.eye(len(flat[0])):
        direction = jax.tree.map(np.asarray, flat[1](unit))
        columns.append(jax.flatten_util.ravel_pytree(mlp.hvp(params, direction, X, y, 0.3, **kwargs))[0])

    H = np.array(columns)
    np.testing.assert_allclose(H, H.T, rtol=0, atol=1e-12)
    expected = jax.jit(jax.hessian(lambda v: loss(flat[1](v), X, y, 0.3)))(flat[0])
    np.testing.assert_allclose(H, expected, rtol=0, atol=1e-11)


def test_products_keep_their_digits_where_a_label_leads():
    params = {"W1": np.zeros((1, 2)), "b1": np.array([40.0, 0.0])}  # p = (1, e⁻⁴⁰)
    direction = {"W1": np.zeros((1, 2)), "b1": np.array([0.0, 1.0])}

    for product in ("hvp", "gauss_newton_product"):
        found = getattr(NETWORKS["softmax_classifier"], product)(params, direction, np.ones((1, 1)), np.array([0]))
        np.testing.assert_allclose(found["b1"], [-np.exp(-40.0), np.exp(-40.0)], rtol=1e-14)
    diagonal = NETWORKS["softmax_classifier"].gauss_newton_diagonal(params, np.ones((1, 1)), np.array([0]))
    np.testing.assert_allclose(diagonal["b1"], [np.exp(-40.0), np.exp(-40.0)], rtol=1e-14)


@pytest.mark.parametrize(("name", "library"), [*((name, array_api_strict) for name in PERCEPTRONS), ("two_layer", jnp)])
def test_other_libraries_arrays_stay_their_own(name, library):
    params, X, y, kwargs = small_problem(name, np.float64)
    net, theirs = NETWORKS[name], {key: library.asarray(p) for key, p in params.items()}
    X_theirs, y_theirs = library.asarray(X), library.asarray(y)

    for function, before in [
        ("hvp", (theirs,)),
        ("gauss_newton_product", (theirs,)),
        ("gauss_newton_diagonal", ()),
        ("example_gradients", ()),
        ("example_gradient_norms", ()),
    ]:
        found = getattr(net, function)(theirs, *before, X_theirs, y_theirs, 0.3, **kwargs)
        expected = getattr(net, function)(params, *((params,) if before else ()), X, y, 0.3, **kwargs)
        for key, a in found.items():
            assert type(a) is type(theirs[key])
            np.testing.assert_allclose(np.asarray(a), expected[key], rtol=1e-12, atol=1e-15)
    jacobian = net.input_jacobian(theirs, X_theirs, **kwargs)
    np.testing.assert_allclose(np.asarray(jacobian), net.input_jacobian(params, X, **kwargs), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p, X, y: two_layer.hvp(p, {}, X, y), ValueError, "direction must have the parameters' keys"),
        (
            lambda p, X, y: two_layer.hvp(p, p | {"b1": np.ones(3)}, X, y),
            ValueError,
            "direction must have shape (4,) for b1, got (3,)",
        ),
        (lambda p, X, y: two_layer.hvp(p, p, X, y + 5), ValueError, "y must be in [0, 3)"),
        (lambda p, X, y: two_layer.gauss_newton_product(p, p, X, y[:-1]), ValueError, "y must have shape (5,)"),
        (lambda p, X, y: two_layer.gauss_newton_diagonal(p, X, y, -1.0), ValueError, "reg must be"),
        (lambda p, X, y: two_layer.example_gradients(p, X[0], y), ValueError, "X must have 2 dimensions"),
        (
            lambda p, X, y: mlp.hvp(p, p, X, y, activation=lambda z: tanh(z)),
            ValueError,
            "activation must have a known second derivative",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    params, X, y, _ = small_problem("two_layer", np.float64)

    with pytest.raises(error, match=re.escape(message)):
        call(params, X, y)


def test_nothing_is_written_to_and_nothing_shared():
    params, X, y, _ = small_problem("two_layer", np.float64)
    before = jax.tree.map(np.copy, (params, X, y))

    found = [two_layer.hvp(params, params, X, y, 0.1), two_layer.example_gradients(params, X, y)]

    jax.tree.map(np.testing.assert_array_equal, (params, X, y), before)
    for a in jax.tree.leaves(found):
        assert not any(np.shares_memory(a, b) for b in (*params.values(), X))
