"""The sweep: right, repeatable, iterative, frugal; what it refuses; gradients of gradients."""

import gc
import inspect
import sys
import threading
import weakref
from dataclasses import replace

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle.reference
from handgrad import ACTIVATIONS, NETWORKS, init_params, rules
from handgrad.graph import Variable, apply, gradients, network_loss, value_and_grad
from handgrad.graph.reverse_mode import sweep, topological_order
from oracle.gradients import autodiff
from oracle.strategies.networks import network_problems
from tests.tools.network_derivatives import PERCEPTRONS

rng = np.random.default_rng(0)
A, B = 1 + rng.random((3, 4)), 1 + rng.random((4, 2))


def test_a_variable_that_is_used_several_times_sums_what_comes_back():
    x, y = Variable(3.0), Variable(2.0)
    z = x * y  # 6
    J = z * z + z * x + x  # dJ/dz = 2z + x = 15

    dx, dy, dz = gradients(J, x, y, z)

    assert (float(dz), float(dx), float(dy)) == (15.0, 15 * 2 + 6 + 1, 15 * 3)


def test_sweep_twice_gives_the_same_twice():
    x = Variable(A)
    J = np.sum(x * x * x + x)

    first = gradients(J, x)[0]
    kept = first.copy()
    first[...] = np.nan  # the caller's own

    assert np.array_equal(gradients(J, x)[0], kept)
    np.testing.assert_allclose(kept, 3 * A * A + 1)


def test_sweep_is_at_most_ten_lines():
    source = inspect.getsource(sweep).partition('"""')[2].partition('"""')[2]

    assert len([line for line in source.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("nodes", [100_000])
def test_a_chain_longer_than_pythons_stack_works(nodes):
    assert nodes > 10 * sys.getrecursionlimit()
    x = y = Variable(1.0)
    for _ in range(nodes):
        y = y + 0.5

    (dx,) = gradients(y, x)

    assert float(dx) == 1.0
    del y  # nor does freeing it recurse


def test_a_graph_with_exponentially_many_paths_is_walked_once():
    x = y = Variable(1.0)
    for _ in range(200):
        y = y * 0.5 + y * 0.5  # 2^200 paths

    (dx,) = gradients(y, x)

    assert float(dx) == 1.0


def test_gradient_with_respect_to_what_lies_between():
    x = Variable(A)
    h = x * 2
    J = np.sum(h * h)

    dh, dx, dJ = gradients(J, h, x, J)

    np.testing.assert_allclose(dh, 4 * A)
    np.testing.assert_allclose(dx, 8 * A)
    assert float(dJ) == 1.0
    assert np.array_equal(gradients(J, h)[0], dh)  # where nothing behind it is asked for


def test_only_what_leads_to_an_input_is_computed():
    called = []

    def spy(x, y):
        def backward(dz, needs=(True, True)):
            called.append(needs)
            return tuple(dz if need else None for need in needs)

        return x + y, backward

    x, y, z = (Variable(A) for _ in range(3))
    side = apply(spy, z, z)
    J = np.sum(apply(spy, x, y) + side)

    gradients(J, x)

    assert called == [(True, False)]


def test_a_pullback_may_call_its_own_what_it_likes():
    def double(x):
        def backward(dz):
            needs = 2.0
            return (needs * dz,)

        return 2 * x, backward

    x = Variable(3.0)

    assert gradients(apply(double, x), x) == (2,)


def test_cotangent_of_an_output_that_is_no_scalar():
    x, dz = Variable(A), rng.standard_normal((3, 2))

    (dx,) = gradients(x @ B, x, cotangent=dz)

    np.testing.assert_allclose(dx, dz @ B.T)
    assert gradients(x, x, cotangent=A)[0] is not A


@given(problem=st.sampled_from(PERCEPTRONS).flatmap(network_problems))
def test_by_hand_by_graph_and_by_jax_agree(problem):
    activation = problem.kwargs.get("activation")
    X = problem.X.astype(problem.dtype)

    def loss(params, X):
        return network_loss(params, X, problem.y, problem.reg, activation=activation)

    J, (grads, dX) = value_and_grad(loss, argnums=(0, 1))(problem.params, X)
    _, by_hand = NETWORKS[problem.name].loss_and_grad(
        problem.params, X, problem.y, problem.reg, input_grad=True, **problem.kwargs
    )

    by_jax = autodiff.answers(replace(problem, X=X, input_grad=True))
    for name, d in {"loss": J, **grads, "X": dX}.items():
        bound = by_jax.bound[name]
        assert np.all(np.abs(d - by_jax.expected[name]) <= bound), name
        assert d.dtype == problem.dtype
        if name != "loss":
            assert np.all(np.abs(d - by_hand[name]) <= 2 * bound), name


class TestValueAndGrad:
    def test_trees_of_dicts_lists_and_tuples(self):
        tree = {"a": [A, (B, 2.0)], "b": {"c": np.float64(3.0)}}

        def f(t, xp):
            return xp.sum(t["a"][0] @ t["a"][1][0]) * t["a"][1][1] + t["b"]["c"] ** 2

        value, grads = value_and_grad(f)(tree, np)

        expected, by_jax = jax.value_and_grad(lambda t: f(t, jnp))(tree)
        assert jax.tree.structure(grads) == jax.tree.structure(by_jax)
        for d, e in zip(jax.tree.leaves((value, grads)), jax.tree.leaves((expected, by_jax))):
            np.testing.assert_allclose(d, e, rtol=1e-14)

    @pytest.mark.parametrize("argnums", [0, 1, -1, (1, 0), (0,)])
    def test_argnums_are_those_of_jax(self, argnums):
        def f(x, y, *, scale):
            return (x * y * y).sum() * scale

        value, grads = value_and_grad(f, argnums)(A, A + 1, scale=3.0)

        expected, by_jax = jax.value_and_grad(f, argnums)(A, A + 1, scale=3.0)
        assert isinstance(grads, tuple) == isinstance(by_jax, tuple)
        for d, e in zip(jax.tree.leaves((value, grads)), jax.tree.leaves((expected, by_jax)), strict=True):
            np.testing.assert_allclose(d, e, rtol=1e-14)

    def test_aux_is_handed_on_as_plain_values(self):
        (value, aux), dx = value_and_grad(lambda x: (np.sum(x), {"h": x * 2, "n": 5}), has_aux=True)(A)

        assert value == A.sum()
        assert aux["n"] == 5
        assert isinstance(aux["h"], np.ndarray)
        assert np.all(dx == 1)

    def test_what_the_value_does_not_depend_on_has_a_gradient_of_zeros(self):
        value, (dx, dy) = value_and_grad(lambda x, y: np.sum(x), argnums=(0, 1))(A, B)
        assert np.array_equal(dy, np.zeros(B.shape))

        value, dx = value_and_grad(lambda x: 7.0)(A)
        assert value == 7.0
        assert np.array_equal(dx, np.zeros(A.shape))

    def test_results_are_arrays_of_ones_own(self):
        x = A.copy()

        value, dx = value_and_grad(lambda x: np.sum(x * x))(x)

        assert not isinstance(value, Variable)
        dx[...] = 0
        assert np.array_equal(x, A)

    def test_threads_do_not_disturb_each_other(self):
        params = init_params([6, 5, 4], rng=np.random.default_rng(0))
        y = np.arange(8) % 4
        problems = [np.random.default_rng(i).standard_normal((8, 6)) for i in range(8)]
        f = value_and_grad(network_loss)
        alone = [f(params, X, y, 0.1) for X in problems]
        together = [[] for _ in problems]

        def work(i):
            for _ in range(50):
                together[i].append(f(params, problems[i], y, 0.1))

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)  # they take turns within a sweep, and not once in five
        try:
            threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)

        for (value, grads), found in zip(alone, together):
            assert len(found) == 50
            assert all(v == value and all(np.array_equal(g[k], grads[k]) for k in grads) for v, g in found)


class TestSecondDerivatives:
    @staticmethod
    def hessian(f, x):
        """Return the Hessian, row by row: the gradient of each entry of the gradient."""
        rows = []
        for index in np.ndindex(x.shape):
            unit = np.zeros_like(x)
            unit[index] = 1
            rows.append(value_and_grad(lambda x: np.sum(value_and_grad(f)(x)[1] * unit))(x)[1])  # noqa: B023
        return np.array(rows).reshape(x.shape * 2)

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_of_a_network_are_those_of_jax(self, name):
        params = init_params([3, 4, 2], rng=np.random.default_rng(1))
        X, y = np.random.default_rng(2).standard_normal((3, 3)), np.array([0, 1, 1])

        found = self.hessian(lambda W: network_loss({**params, "W1": W}, X, y, 0.3, activation=(name,)), params["W1"])

        twin = oracle.reference.NETWORKS["mlp"].loss
        by_jax = jax.jit(jax.hessian(lambda W: twin({**params, "W1": W}, X, y, 0.3, activation=(name,))))
        np.testing.assert_allclose(found, by_jax(params["W1"]), rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize(
        "f",
        [
            lambda xp, x: xp.sum(x / (1 + x * x)),
            lambda xp, x: xp.sum(xp.exp(x[0]) * xp.log(x[1]) - x[2] ** 3),
            lambda xp, x: xp.sum(xp.expm1(x) * xp.log1p(x) * xp.sqrt(x)),
            lambda xp, x: xp.sum((x @ x.T) ** 2) + xp.var(x),
            lambda xp, x: xp.sum(xp.mean(x, axis=0) ** 3 * xp.max(x)),
            lambda xp, x: xp.sum(xp.where(x > 1.5, x * x, -x) * xp.abs(x) * xp.maximum(x, 1.4) * xp.minimum(x, 1.6)),
            lambda xp, x: xp.sum(x[np.array([0, 0, 2])] ** 3) + xp.sum(x[:, ::2] * x[:1, 1:3]),
            lambda xp, x: xp.sum(xp.concatenate((x, x * x), axis=1) ** 2) + xp.sum(xp.broadcast_to(x[0] ** 2, (5, 4))),
            lambda xp, x: xp.sum(xp.transpose(x) ** 2 * xp.reshape(x, (4, 3))),
            lambda xp, x: xp.sum(x**x) * xp.sum(2.0**x),
        ],
    )
    def test_of_the_primitives_are_those_of_jax(self, f):
        found = self.hessian(lambda x: f(np, x), A)

        expected = jax.jit(jax.hessian(lambda x: f(jnp, x)))(A)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)

    def test_of_logsumexp_are_those_of_jax(self):
        found = self.hessian(lambda x: apply(rules.logsumexp, x * 2.0), A)

        expected = jax.jit(jax.hessian(lambda x: jax.scipy.special.logsumexp(2 * x)))(A)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)

    def test_nested_functions_do_not_confuse_what_they_are_differentiated_by(self):
        # d/dx [x · d/dy (x y²)] at y = 3 is d/dx 6 x² = 12 x; confused, it would be something else
        _, inner = value_and_grad(lambda x: x * value_and_grad(lambda y: x * y * y)(3.0)[1])(2.0)
        assert float(inner) == 24.0

        # Siskind and Pearlmutter's: d/dx (x · d/dy (x + y)) = 1
        _, d = value_and_grad(lambda x: x * value_and_grad(lambda y: x + y)(1.0)[1])(1.0)
        assert float(d) == 1.0

        # d/dx [x · d/dy [y · d/dz (x y z²)]] at y = 5, z = 3 is d/dx [x · d/dy 6 x y²] = d/dx 60 x² = 120 x
        def middle(x):
            return value_and_grad(lambda y: y * value_and_grad(lambda z: x * y * z * z)(3.0)[1])(5.0)[1]

        _, d = value_and_grad(lambda x: x * middle(x))(2.0)
        assert float(d) == 240.0

    def test_third_derivative(self):
        def derivative(f):
            return lambda x: value_and_grad(f)(x)[1]

        third = derivative(derivative(derivative(lambda x: x**5)))

        assert float(third(2.0)) == 60 * 4

    @pytest.mark.parametrize("asarray", [jnp.asarray, array_api_strict.asarray])
    def test_of_other_libraries_arrays_are_those_of_jax(self, asarray):
        def f(x):
            return apply(rules.sum, apply(rules.tanh, x) * x) + apply(rules.sum, x)

        _, found = value_and_grad(lambda x: apply(rules.sum, value_and_grad(f)(x)[1] * x))(asarray(A))

        slope = jax.grad(lambda x: jnp.sum(jnp.tanh(x) * x) + jnp.sum(x))
        expected = jax.grad(lambda x: jnp.sum(slope(x) * x))(A)
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-13)

    def test_variable_of_a_variable(self):
        x = Variable(3.0)
        inner = Variable(x)

        (slope,) = gradients(inner * inner * inner, inner)  # 3 x², itself a Variable
        (second,) = gradients(slope, x)

        assert (float(slope), float(second)) == (27.0, 18.0)

        (slope,) = gradients(inner * inner * x, inner)  # 2 x · x: for the inner one x is a constant
        (second,) = gradients(slope, x)

        assert (float(slope), float(second)) == (18.0, 12.0)


class TestMemory:
    def test_what_has_been_passed_is_freed_while_the_sweep_goes_on(self):
        alive = []

        def layer(x):
            kept = np.full(x.shape, 2.0)
            weak = weakref.ref(kept)

            def backward(dz):
                alive.append(sum(w() is not None for w in layers))
                return (dz * kept,)

            layers.append(weak)
            return x * 2.0, backward

        layers = []

        def f(x):
            for _ in range(10):
                x = apply(layer, x)
            return np.sum(x)

        gc.disable()
        try:
            _, dx = value_and_grad(f)(A)
        finally:
            gc.enable()

        assert np.all(dx == 2.0**10)
        assert alive == [10, *range(10, 1, -1)]  # the one that was passed last is still in the caller's hands

    def test_graph_goes_with_its_output(self):
        x = Variable(A)
        h = x * x
        weak = weakref.ref(h.value)
        gc.disable()
        try:
            J = np.sum(h)
            del h
            assert weak() is not None
            del J
            assert weak() is None
        finally:
            gc.enable()


class TestBadInput:
    def test_gradient_of_what_is_no_scalar(self):
        x = Variable(A)

        with pytest.raises(ValueError, match=r"must be a scalar, got the multiply of shape \(3, 4\).*cotangent="):
            gradients(x * x, x)
        with pytest.raises(ValueError, match=r"cotangent must have the output's shape \(3, 4\), got \(4,\)"):
            gradients(x * x, x, cotangent=np.ones(4))
        with pytest.raises(ValueError, match="must be a scalar"):
            value_and_grad(lambda x: x * x)(A)

    def test_an_input_that_is_not_in_the_graph(self):
        x, other = Variable(A), Variable(B, name="W")

        with pytest.raises(ValueError, match=r"W of shape \(4, 2\) is not in the graph of the output"):
            gradients(np.sum(x), x, other)

    @pytest.mark.parametrize("wrong", [A, 1.0, None])
    def test_what_is_no_variable(self, wrong):
        x = Variable(A)

        with pytest.raises(TypeError, match="output and inputs must be Variables, got"):
            gradients(wrong, x)
        with pytest.raises(TypeError, match="output and inputs must be Variables, got"):
            gradients(np.sum(x), wrong)

    def test_a_cycle(self):
        x = Variable(A)
        y = x * 2
        z = np.sum(y * 3)
        y.parents = (z, y.parents[1])

        with pytest.raises(ValueError, match="cycle"):
            gradients(z, x)
        y.parents = (y, y.parents[1])
        with pytest.raises(ValueError, match="cycle"):
            gradients(z, x)

    def test_a_variable_of_another_call(self):
        leaked = []
        value_and_grad(lambda x: leaked.append(x * 2) or np.sum(x))(A)

        with pytest.raises(ValueError, match="is not in the graph"):
            gradients(np.sum(leaked[0]), Variable(A))

        def outer(x):
            value_and_grad(lambda y: leaked.append(np.sum(y * x)) or np.sum(y))(A)
            return leaked[-1]

        with pytest.raises(ValueError, match="belongs to another call of value_and_grad"):
            value_and_grad(outer)(A)

    @pytest.mark.parametrize("shape", [(3, 4), (50, 60)])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
    @pytest.mark.parametrize(
        "change",
        [
            lambda a: a.__setitem__(0, 7),
            lambda a: a.__setitem__((-1, -1), 7),
            lambda a: a.__setitem__([0, 1], a[[1, 0]]),
            lambda a: a[:, ::-1].sort(),
            np.random.shuffle,
        ],
    )
    def test_an_array_changed_in_place_is_noticed(self, shape, dtype, change):
        X = (100 * np.random.default_rng(0).random(shape)).astype(dtype)
        W = Variable(np.ones((shape[1], 1), np.float32 if dtype == np.float32 else np.float64))
        J = np.sum(X @ W)
        gradients(J, W)
        before = X.copy()

        while np.array_equal(X, before):
            change(X)

        with pytest.raises(ValueError, match="changed in place after it entered the graph"):
            gradients(J, W)
        X[...] = before
        gradients(J, W)

    def test_a_named_variable_changed_in_place_is_named(self):
        x = np.ones(3)
        v = Variable(x, name="W1")
        J = np.sum(v * v)
        x[1] = -1

        with pytest.raises(ValueError, match=r"W1 of shape \(3,\) was changed in place"):
            gradients(J, v)

    def test_an_array_with_nan_is_not_taken_for_changed(self):
        x = Variable(np.array([np.nan, 1.0]))
        assert np.isnan(gradients(np.sum(x * x), x)[0][0])

    def test_integers_have_no_gradient(self):
        with pytest.raises(TypeError, match="real floating"):
            value_and_grad(lambda x: 1.0)(np.array([1, 2]))  # whatever is done with them
        with pytest.raises(TypeError, match="argument must be an array, got int"):
            value_and_grad(lambda x: x * x)(3)


def test_order_has_each_node_behind_what_it_was_made_of():
    x = Variable(A)
    y = x * x + x
    J = np.sum(y / x)

    order = topological_order(J)

    position = {node: i for i, node in enumerate(order)}
    assert order[-1] is J
    assert len(position) == len(order)
    assert all(position[parent] < position[node] for node in order for parent in node.parents)
