"""The namespace of Variables: rules where there is a derivative, else the library's own functions."""

import array_api_strict
import jax.numpy as jnp
import numpy as np
import pytest

from handgrad.arrays.namespace import NUMPY, namespace, underlying_namespace
from handgrad.graph import Variable, gradients
from handgrad.graph.array_namespace import namespace_over

A = np.array([[1.0, 4.0, 9.0], [2.0, 3.0, 0.5]])
LIBRARIES = {"numpy": np.asarray, "jax.numpy": jnp.asarray, "array_api_strict": array_api_strict.asarray}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_namespace_is_of_one_library_and_named_after_it(name):
    a = LIBRARIES[name](A)

    xp = namespace(Variable(a))

    assert xp is namespace_over(namespace(a)) is namespace(Variable(Variable(a)))
    assert underlying_namespace(xp) is namespace(a)
    assert xp.__name__ == f"handgrad.graph over {name}"


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda xp, x: xp.sum(x * x), 2 * A),
        (lambda xp, x: xp.sum(xp.pow(x, 2.0)), 2 * A),
        (lambda xp, x: xp.sum(xp.abs(-x)), np.ones((2, 3))),
        (lambda xp, x: xp.sum(xp.reshape(x, (3, 2))[0, :]), np.array([[1.0, 1, 0], [0, 0, 0]])),
        (lambda xp, x: xp.sum(xp.permute_dims(x, (1, 0))[1:, :]), np.array([[0.0, 1, 1], [0, 1, 1]])),
        (lambda xp, x: xp.sum(xp.where(x > 2, x, 3 * x)), np.array([[3.0, 1, 1], [3, 1, 3]])),
        (lambda xp, x: xp.sum(xp.concat([x, 2 * x], axis=1)), np.full((2, 3), 3.0)),
        (lambda xp, x: xp.sum(xp.vecdot(x, x)), 2 * A),
        (lambda xp, x: xp.sum(xp.asarray(x, copy=True)), np.ones((2, 3))),
        (lambda xp, x: xp.sum(xp.astype(x, x.dtype)), np.ones((2, 3))),
    ],
)
def test_functions_with_a_derivative_are_recorded(name, f, expected):
    x = Variable(LIBRARIES[name](A))

    (dx,) = gradients(f(namespace(x), x), x)

    assert type(dx) is type(x.value)
    np.testing.assert_allclose(np.asarray(dx), expected, rtol=1e-6)


def test_take_picks_along_an_axis_and_adds_up_what_comes_back():
    x = Variable(A)

    z = namespace(x).take(x, np.array([0, 2, 2]), axis=1)
    (dx,) = gradients(np.sum(z), x)

    assert np.array_equal(z.value, A[:, [0, 2, 2]])
    assert np.array_equal(dx, [[1, 0, 2], [1, 0, 2]])


def test_functions_without_a_derivative_give_plain_arrays():
    x = Variable(A)
    xp = namespace(x)

    assert np.array_equal(xp.sign(x), np.sign(A))
    assert xp.argmax(x) == 2
    assert xp.float64 is np.float64
    assert xp.exp(1.0) == np.exp(1.0)  # no Variable has a part in it
    assert not isinstance(xp.where(A > 1, A, 0), Variable)


def test_what_has_no_rule_is_refused_by_name():
    xp = namespace_over(NUMPY)

    with pytest.raises(TypeError, match="no rule for sin"):
        xp.sin(Variable(A))
    with pytest.raises(TypeError, match="no rule for astype"):
        xp.astype(Variable(A), np.float32)
