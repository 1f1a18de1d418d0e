"""Variables: operators, what is held, what is refused."""

import operator

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import oracle.reference
from handgrad import graph, rules
from handgrad.graph import Variable, apply, gradients

rng = np.random.default_rng(0)
A, B = 1 + rng.random((3, 4)), 1 + rng.random((4,))

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "@": operator.matmul,
}


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("which", ["both", "left", "right"])
def test_operator_has_value_and_gradients_of_jax(sign, which):
    f = OPERATORS[sign]
    x = Variable(A) if which != "right" else A
    y = Variable(B) if which != "left" else B

    z = f(x, y)
    found = gradients(np.sum(z), *(v for v in (x, y) if isinstance(v, Variable)))

    expected = jax.jit(jax.grad(lambda x, y: jnp.sum(f(x, y)), argnums=(0, 1)))(A, B)
    expected = {"both": expected, "left": expected[:1], "right": expected[1:]}[which]
    np.testing.assert_allclose(z.value, f(A, B), rtol=1e-15)
    for d, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(d, e, rtol=1e-14)


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "**"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_number_on_either_side_takes_the_dtype_of_the_variable(sign, dtype):
    f, x, eps = OPERATORS[sign], Variable(A.astype(dtype)), np.finfo(dtype).eps

    for of in (lambda x: f(x, 2), lambda x: f(2.0, x), lambda x: f(x, np.float64(2)), lambda x: f(np.arange(1, 5), x)):
        z = of(x)
        (dx,) = gradients(np.sum(z), x)
        assert z.dtype == dx.dtype == dtype
        np.testing.assert_allclose(z.value, of(A), rtol=8 * eps)
        np.testing.assert_allclose(dx, jax.grad(lambda x: jnp.sum(of(x)))(A), rtol=8 * eps)  # noqa: B023


@pytest.mark.parametrize("sign", OPERATORS)
def test_another_librarys_array_on_the_left_is_an_operand(sign):
    f, x = OPERATORS[sign], Variable(jnp.asarray(B))

    z = f(jnp.asarray(A), x)
    (dx,) = gradients(z.sum(), x)

    np.testing.assert_allclose(z.value, f(A, B), rtol=1e-14)
    np.testing.assert_allclose(dx, jax.jit(jax.grad(lambda x: jnp.sum(f(A, x))))(B), rtol=1e-14)


@pytest.mark.parametrize(
    ("of_variable", "of_jax"),
    [
        (lambda x: -x, lambda x: -x),
        (lambda x: +x, lambda x: +x),
        (lambda x: abs(x - 1.5), lambda x: abs(x - 1.5)),
        (lambda x: x.T @ x, lambda x: x.T @ x),
        (lambda x: x.reshape(2, 6) @ x.reshape((6, 2)), lambda x: x.reshape(2, 6) @ x.reshape((6, 2))),
        (lambda x: x[1:, ::2] * x[0, 0], lambda x: x[1:, ::2] * x[0, 0]),
        (lambda x: x.mT * 2, lambda x: x.mT * 2),
        (lambda x: x.reshape(2, 2, 3).mT, lambda x: x.reshape(2, 2, 3).mT),
        (lambda x: x.transpose(1, 0) + x.transpose(), lambda x: x.transpose(1, 0) + x.transpose()),
        (lambda x: x.sum(0) * x.mean(axis=0), lambda x: x.sum(0) * x.mean(axis=0)),
        (lambda x: x.max(1) + x.var(1), lambda x: x.max(1) + x.var(1)),
        (lambda x: x.dot(x.T), lambda x: x.dot(x.T)),
        (lambda x: sum(x) + sum(row * row for row in x), lambda x: sum(x) + sum(row * row for row in x)),
    ],
)
def test_method_has_the_gradient_of_jax(of_variable, of_jax):
    x = Variable(A)

    z = of_variable(x)
    weights = np.arange(1.0, z.size + 1).reshape(z.shape)  # all different: a plain sum is blind to the entries' order
    (dx,) = gradients(np.sum(weights * z), x)

    expected = jax.jit(jax.grad(lambda x: jnp.sum(weights * of_jax(x))))(A)
    np.testing.assert_allclose(z.value, of_jax(jnp.asarray(A)), rtol=1e-13)
    np.testing.assert_allclose(dx, expected, rtol=1e-13, atol=1e-15)


def test_comparisons_give_plain_arrays():
    x = Variable(np.array([1.0, 2.0, 3.0]))

    for found, expected in [
        (x > 2, [False, False, True]),
        (x >= x, [True] * 3),
        (2 > x, [True, False, False]),
        (x <= 1, [True, False, False]),
        (x == 2, [False, True, False]),
        (x != 2, [True, False, True]),
        (np.array([5.0, 0, 0]) < x, [False, True, True]),
    ]:
        assert isinstance(found, np.ndarray)
        assert found.tolist() == expected


def test_variable_shows_what_it_holds():
    x = Variable(np.array([[1.0, 2.0]]), name="x")

    assert repr(x) == "Variable(array([[1., 2.]]), name='x')"
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((1, 2), 2, 2, 1, np.float64)
    assert x.sum().item() == 3.0
    assert bool(x.sum() > 2)


def test_variable_in_place_is_refused_and_augmented_assignment_makes_another():
    x = Variable(A)
    with pytest.raises(TypeError, match="cannot be changed in place"):
        x[0] = 1.0

    y = x
    y += 1.0

    assert y is not x
    assert np.array_equal(x.value, A)
    array = A.copy()
    with pytest.raises(TypeError, match="write a = a \\+ v"):
        array += x
    assert np.array_equal(array, A)


@pytest.mark.parametrize("wrong", [3, [1.0], np.array([1, 2]), np.array([1j]), "x", None, np.array([True])])
def test_what_is_no_real_floating_array_is_no_variable(wrong):
    with pytest.raises(TypeError, match="must be a"):
        Variable(wrong)


def test_variable_never_turns_into_an_array_silently():
    x = Variable(B)

    with pytest.raises(TypeError, match=r"take v\.value"):
        np.asarray(x)
    with pytest.raises(TypeError, match="write X @ v"):
        A.dot(x)


def test_shapes_that_do_not_broadcast_are_named_with_the_operation():
    x = Variable(A)

    with pytest.raises(ValueError, match=r"add: shapes must broadcast, got \(3, 4\) and \(3,\)"):
        x + np.ones(3)
    with pytest.raises(ValueError, match=r"matmul: x must be .* got x \(3, 4\), y \(3, 4\)"):
        x @ x
    with pytest.raises(TypeError, match="multiply: x and y must have one dtype, got x float64, y float32"):
        x * np.ones(4, np.float32)


@pytest.mark.parametrize("asarray", [jnp.asarray, array_api_strict.asarray])
def test_other_libraries_arrays_stay_what_they_are(asarray):
    X, W, y = (asarray(a) for a in (A, A.T @ A, np.array([0, 1, 1])))

    def loss(W):
        h = apply(rules.tanh, apply(rules.matmul, X, W))
        return apply(rules.softmax_cross_entropy, h, labels=y) + apply(rules.sum, h * 0.5)

    J, dW = graph.value_and_grad(loss)(W)

    expected = jax.grad(
        lambda W: (
            oracle.reference.RULES["softmax_cross_entropy"](jnp.tanh(A @ W), labels=np.array([0, 1, 1]))
            + jnp.sum(jnp.tanh(A @ W)) / 2
        )
    )(A.T @ A)
    assert type(dW) is type(W)
    assert type(J) is type(W)
    np.testing.assert_allclose(np.asarray(dW), expected, rtol=1e-12, atol=1e-15)


def test_graph_runs_under_jax_jit():
    f = graph.value_and_grad(lambda x: apply(rules.logsumexp, x * x) + apply(rules.sum, x / 3.0))

    value, dx = jax.jit(f)(A)

    expected, by_jax = jax.value_and_grad(lambda x: jax.scipy.special.logsumexp(x * x) + jnp.sum(x / 3))(A)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(dx, by_jax, rtol=1e-13)
