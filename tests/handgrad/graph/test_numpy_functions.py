"""NumPy's functions on Variables: the gradient of jax.numpy's namesakes, or an error that names what has no rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import oracle.reference  # noqa: F401  sets JAX to float64
from handgrad.graph import Variable, gradients
from handgrad.graph.numpy_functions import _FUNCTIONS, _UFUNCS, _UNDIFFERENTIATED

A = 1 + np.random.default_rng(0).random((3, 4))
B = A[::-1] + 0.1

CALLS = {
    "add": lambda xp, x: xp.add(x, B),
    "subtract": lambda xp, x: xp.subtract(B, x),
    "multiply": lambda xp, x: xp.multiply(x, x),
    "divide": lambda xp, x: xp.divide(B, x),
    "negative": lambda xp, x: xp.negative(x),
    "positive": lambda xp, x: xp.positive(x) * x,
    "power": lambda xp, x: xp.power(x, 3.0),
    "exp": lambda xp, x: xp.exp(x),
    "expm1": lambda xp, x: xp.expm1(x),
    "log": lambda xp, x: xp.log(x),
    "log1p": lambda xp, x: xp.log1p(x),
    "sqrt": lambda xp, x: xp.sqrt(x),
    "absolute": lambda xp, x: xp.absolute(x - 1.5),
    "maximum": lambda xp, x: xp.maximum(B, x),
    "minimum": lambda xp, x: xp.minimum(x, 1.5),
    "matmul": lambda xp, x: xp.matmul(x.T, B),
    "tanh": lambda xp, x: xp.tanh(x),
    "square": lambda xp, x: xp.square(x),
    "reciprocal": lambda xp, x: xp.reciprocal(x),
    "sum": lambda xp, x: xp.sum(x, 0) * xp.sum(x, axis=0, keepdims=True),
    "mean": lambda xp, x: xp.mean(x, axis=(0, 1)) * x,
    "max": lambda xp, x: xp.max(x, axis=1) + xp.amax(x),
    "min": lambda xp, x: xp.min(x, axis=1, keepdims=True) * xp.amin(x),
    "var": lambda xp, x: xp.var(x, axis=0, ddof=1) + xp.var(x),
    "std": lambda xp, x: xp.std(x, axis=0) + xp.std(x, ddof=1),
    "where": lambda xp, x: xp.where(x > 1.5, x, 2 * x) + xp.where(np.array([True, False, True, False]), 1.0, x),
    "clip": lambda xp, x: xp.clip(x, 1.2, 1.7) * xp.clip(x, None, 1.6),
    "reshape": lambda xp, x: xp.reshape(x, (2, -1)) * x.reshape(-1)[:6],
    "ravel": lambda xp, x: xp.ravel(x)[2:] ** 2,
    "squeeze": lambda xp, x: xp.squeeze(x[:1]) * xp.squeeze(x[None, :, :1], 0),
    "expand_dims": lambda xp, x: xp.expand_dims(x, 1) * x,
    "transpose": lambda xp, x: xp.transpose(x) @ xp.transpose(x, (0, 1)),
    "broadcast_to": lambda xp, x: xp.broadcast_to(x, (2, 3, 4)) * x,
    "concatenate": lambda xp, x: xp.concatenate([x, x * x], axis=-1) ** 2,
    "stack": lambda xp, x: xp.stack([x, B, x * x], axis=1) ** 2,
    "dot": lambda xp, x: xp.dot(x, x.T) * xp.dot(2.0, x[:, :3]),
}


@pytest.mark.parametrize("name", CALLS)
def test_function_has_the_value_and_gradient_of_its_namesake(name):
    x, f = Variable(A), CALLS[name]

    z = f(np, x)
    weights = np.arange(1.0, z.size + 1).reshape(z.shape)  # all different: a plain sum is blind to the entries' order
    (dx,) = gradients(np.sum(weights * z), x)

    np.testing.assert_allclose(z.value, f(np, A), rtol=1e-14)
    np.testing.assert_allclose(dx, jax.jit(jax.grad(lambda x: jnp.sum(weights * f(jnp, x))))(A), rtol=1e-12, atol=1e-14)


def test_every_function_is_tried():
    supported = {f.__name__ for f in (*_UFUNCS, *_FUNCTIONS)} - {"amax", "amin"}

    assert supported == set(CALLS)


@pytest.mark.parametrize("function", sorted(_UNDIFFERENTIATED, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_what_has_no_derivative_gives_the_plain_value(function):
    more = {"full_like": (7.0,)}.get(function.__name__, ())
    if function.__name__ in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "array_equal"):
        more = (B,)
    if function.__name__ in ("allclose", "isclose"):
        more = (B,)

    found = function(Variable(A), *more)

    assert not isinstance(found, Variable)
    assert np.all(np.asarray(found) == np.asarray(function(A, *more)))


def test_a_missing_rule_is_an_error_that_names_it():
    x = Variable(A)

    for call, name in [
        (lambda: np.sin(x), r"numpy\.sin"),
        (lambda: np.linalg.inv(x), r"numpy\.inv"),
        (lambda: np.add.reduce(x), r"numpy\.add\.reduce"),
        (lambda: np.prod(x), r"numpy\.prod"),
        (lambda: np.cumsum(x), r"numpy\.cumsum"),
        (lambda: x.__array_namespace__().sin(x), "sin"),
    ]:
        with pytest.raises(TypeError, match=f"handgrad.graph has no rule for {name}"):
            call()


def test_keywords_that_have_no_derivative_are_refused():
    x = Variable(A)

    with pytest.raises(TypeError, match=r"takes no keywords for numpy\.exp, got where"):
        np.exp(x, where=A > 1)
    with pytest.raises(TypeError, match="dtype"):
        np.sum(x, dtype=np.float32)
    with pytest.raises(TypeError, match="write a = a"):
        np.add(x, 1, out=A.copy())
