"""Reading by an index, and adding at an index: NumPy's answers in every library."""

import array_api_strict
import jax.numpy as jnp
import numpy as np
import pytest

import oracle.reference  # noqa: F401  sets JAX to float64
from handgrad.arrays.indexing import gather, scatter_add
from handgrad.graph import Variable, gradients

A = np.arange(20.0).reshape(5, 4)


def torch_array(a):
    pytest.importorskip("array_api_compat", reason="array-api-compat is not installed")
    return pytest.importorskip("torch", reason="PyTorch is not installed").asarray(a.copy())


LIBRARIES = {
    "numpy": np.asarray,
    "jax": jnp.asarray,
    "strict": lambda a: array_api_strict.asarray(a, copy=True),
    "torch": torch_array,
}
INDICES = [
    3,
    -1,
    ...,
    slice(1, 4),
    slice(None, None, -1),
    slice(4, 0, -2),
    (slice(None), 2),
    (..., slice(3, 0, -2)),
    (None, slice(-1, None, -3), 1),
    (slice(2, 2), 0),
]
INTEGERS = [np.array([0, 2, 2]), np.array([], int), np.array([-1, 4, 0, -1])]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_slices_and_integers_read_and_write_as_in_numpy(library, index):
    made = LIBRARIES[library]
    expected = np.zeros((5, 4))
    expected[index] += A[index]

    z = gather(made(A), index)
    back = scatter_add(z, index, (5, 4))

    assert np.array_equal(np.asarray(z), A[index])
    assert type(back) is type(made(A))
    assert np.array_equal(np.asarray(back), expected)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("integers", INTEGERS, ids=str)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside an integer"])
def test_what_falls_on_one_place_adds_up(library, integers, beside):
    made = LIBRARIES[library]
    index, plain = made(integers), integers
    if beside:
        index, plain = (index, 1), (integers, 1)
    expected = np.zeros((5, 4))
    np.add.at(expected, plain, A[plain])

    z = gather(made(A), index)
    back = scatter_add(z, index, (5, 4))

    assert np.array_equal(np.asarray(z), A[plain])
    assert np.array_equal(np.asarray(back), expected)


@pytest.mark.parametrize("library", ["numpy", "jax"])
@pytest.mark.parametrize(
    "index", [A > 7, (np.array([True, False, True, True, False]), 1), (np.array([[0, 1], [1, 0]]), 2), [1, 1]], ids=str
)
def test_masks_and_arrays_of_several_dimensions_work_in_numpy_and_jax(library, index):
    made = LIBRARIES[library]
    index = np.array(index) if library == "jax" and isinstance(index, list) else index
    expected = np.zeros((5, 4))
    np.add.at(expected, index, A[index])

    assert np.array_equal(np.asarray(scatter_add(gather(made(A), index), index, (5, 4))), expected)


def test_a_variable_is_scattered_by_a_rule():
    x = Variable(np.array([1.0, 2.0, 3.0]))

    z = scatter_add(x, np.array([0, 2, 2]), (4,))
    (dx,) = gradients(np.sum(z * np.array([1.0, 10.0, 100.0, 1000.0])), x)

    assert np.array_equal(z.value, [1, 0, 5, 0])
    assert np.array_equal(dx, [1, 100, 100])
