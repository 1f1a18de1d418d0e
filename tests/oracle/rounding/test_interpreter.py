"""Every operation that NumPy carries out, for many values at once, gives what JAX gives for each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from oracle.rounding import interpreter

MANY = 3
rng = np.random.default_rng(0)


def floats(*shape):
    return rng.uniform(-2, 2, (MANY, *shape))


def positive(*shape):
    return np.abs(floats(*shape)) + 0.1


def booleans(*shape):
    return rng.random((MANY, *shape)) < 0.5


def integers(most, *shape):
    return rng.integers(0, most, (MANY, *shape))


def pad(*configuration):
    return lambda x, value: lax.pad(x, value, configuration)


def add_any(x, y):
    """Add what two uses of a number bring back to it."""
    return jax.vjp(lambda a: (a, a), x)[1]((x, y))[0]


GATHER_ROWS = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
GATHER_ALONG = lax.GatherDimensionNumbers(
    offset_dims=(),
    collapsed_slice_dims=(1,),
    start_index_map=(1,),
    operand_batching_dims=(0,),
    start_indices_batching_dims=(0,),
)
SCATTER_ROWS = lax.ScatterDimensionNumbers(
    update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
)
IN_BOUNDS = lax.GatherScatterMode.PROMISE_IN_BOUNDS

#: The name of an operation, a function that consists of it, and its operands, each as many.
CASES = [
    *((op, getattr(lax, op), (floats(2, 3),)) for op in ("abs", "neg", "exp", "expm1", "sign", "tanh", "logistic")),
    *((op, getattr(lax, op), (positive(2, 3),)) for op in ("log", "log1p", "sqrt", "rsqrt")),
    *((op, getattr(lax, op), (floats(2), floats(2))) for op in ("add", "sub", "mul", "div", "max", "min")),
    *((op, getattr(lax, op), (integers(3, 4), integers(3, 4))) for op in ("eq", "ne", "lt", "le", "gt", "ge")),
    ("add_any", add_any, (floats(2), floats(2))),
    ("and", lax.bitwise_and, (booleans(5), booleans(5))),
    ("or", lax.bitwise_or, (booleans(5), booleans(5))),
    ("not", lax.bitwise_not, (booleans(5),)),
    ("copy", lax.copy_p.bind if hasattr(lax, "copy_p") else jnp.copy, (floats(2),)),
    ("is_finite", lax.is_finite, (np.array([[1.0], [np.inf], [np.nan]]),)),
    ("pow", lax.pow, (positive(2), floats(2))),
    ("square", lax.square, (floats(2),)),
    ("stop_gradient", lax.stop_gradient, (floats(2),)),
    ("integer_pow", lambda x: lax.integer_pow(x, 3), (floats(2),)),
    ("integer_pow", lambda x: lax.integer_pow(x, -2), (positive(2),)),
    ("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 4, 3), (0, 2)), (floats(2, 3),)),
    ("concatenate", lambda x, y: lax.concatenate([x, y], 1), (floats(2, 3), floats(2, 1))),
    ("convert_element_type", lambda x: lax.convert_element_type(x, np.float32), (floats(2),)),
    ("dot_general", lambda x, y: lax.dot_general(x, y, (((1,), (0,)), ((), ()))), (floats(2, 3), floats(3, 4))),
    ("dot_general", lambda x, y: lax.dot_general(x, y, (((0, 2), (1, 0)), ((), ()))), (floats(2, 5, 3), floats(3, 2))),
    (
        "dot_general",
        lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (2,)))),
        (floats(2, 5, 3), floats(4, 3, 2)),
    ),
    ("gather", lambda x, i: lax.gather(x, i, GATHER_ROWS, (1, 3), mode=IN_BOUNDS), (floats(4, 3), integers(4, 2, 1))),
    ("gather", lambda x, i: lax.gather(x, i, GATHER_ALONG, (1, 1), mode=IN_BOUNDS), (floats(4, 3), integers(3, 4, 1))),
    ("pad", pad((1, 2, 0), (0, 1, 2)), (floats(2, 3), floats())),
    ("pad", pad((-1, 0, 0), (1, -2, 1)), (floats(3, 4), floats())),
    ("reduce_max", lambda x: lax.reduce_max_p.bind(x, axes=(1,), out_sharding=None), (floats(2, 3),)),
    ("reduce_min", lambda x: jnp.min(x, axis=(0, 1)), (floats(2, 3),)),
    ("reduce_sum", lambda x: jnp.sum(x, axis=0), (floats(2, 3),)),
    ("reshape", lambda x: lax.reshape(x, (3, 2)), (floats(2, 3),)),
    ("rev", lambda x: lax.rev(x, (0,)), (floats(2, 3),)),
    (
        "scatter-add",
        lambda x, i, u: lax.scatter_add(x, i, u, SCATTER_ROWS, mode=IN_BOUNDS),
        (floats(4, 3), integers(2, 5, 1), floats(5, 3)),
    ),
    ("select_n", lax.select_n, (booleans(4), floats(4), floats(4))),
    ("select_n", lax.select_n, (booleans(), floats(4), floats(4))),
    ("slice", lambda x: lax.slice(x, (1, 0), (3, 4), (1, 2)), (floats(4, 5),)),
    ("slice", lambda x: lax.slice(x, (1, 0), (3, 4)), (floats(4, 5),)),
    ("split", lambda x: lax.split(x, (1, 3), 1), (floats(2, 4),)),
    ("squeeze", lambda x: lax.squeeze(x, (1,)), (floats(2, 1, 3),)),
    ("transpose", lambda x: lax.transpose(x, (2, 0, 1)), (floats(2, 3, 4),)),
]


def equation(name, f, operands):
    """Return the one equation of that name in a function of the first of the many values."""
    found = [eqn for eqn in jax.make_jaxpr(f)(*(a[0] for a in operands)).eqns if eqn.primitive.name == name]
    assert len(found) == 1, name
    return found[0]


@pytest.mark.parametrize(("name", "f", "operands"), CASES, ids=[name for name, *_ in CASES])
def test_numpy_gives_for_many_what_jax_gives_for_each(name, f, operands, monkeypatch):
    eqn = equation(name, f, operands)
    expected = [interpreter.bind(eqn, *(a[k] for a in operands)) for k in range(MANY)]
    monkeypatch.setattr(interpreter, "bind", None)  # NumPy alone

    results = interpreter.evaluate(eqn, *operands)

    assert len(results) == len(expected[0])
    for i, result in enumerate(results):
        for k in range(MANY):
            np.testing.assert_allclose(result[k], expected[k][i], rtol=1e-14, atol=1e-15)
            assert result[k].shape == expected[k][i].shape
            assert result.dtype == expected[k][i].dtype


def test_every_operation_in_the_tables_has_a_case():
    assert {*interpreter._ENTRY_BY_ENTRY, *interpreter._OTHERS} == {name for name, *_ in CASES}


def test_what_numpy_does_not_know_is_left_to_jax():
    x = floats(3)

    (result,) = interpreter.evaluate(equation("cumsum", lambda x: lax.cumsum(x), (x,)), x)

    np.testing.assert_allclose(result, np.cumsum(x, axis=1), rtol=1e-15)


def test_an_index_beyond_the_end_is_left_to_jax():
    x, i = floats(4, 3), integers(4, 2, 1) + 9
    eqn = equation("gather", lambda x, i: lax.gather(x, i, GATHER_ROWS, (1, 3), mode="clip"), (x, i))

    (result,) = interpreter.evaluate(eqn, x, i)

    np.testing.assert_array_equal(result, np.stack([a[[3, 3]] for a in x]))


def test_a_number_is_aligned_with_arrays():
    assert interpreter.aligned(np.zeros(5), 3).shape == (5, 1, 1)
    assert interpreter.aligned(np.zeros((5, 2, 2)), 3).shape == (5, 2, 2)
    assert interpreter.aligned(np.zeros(()), 2, leading=0).shape == (1, 1)
