"""A gradient accumulated in the memory of one batch is the gradient over all."""

import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad import accumulate, init_params, mlp, two_layer


def problem(N=60, dtype=np.float64):
    rng = np.random.default_rng(0)
    params = init_params([5, 8, 3], rng=rng, dtype=dtype)
    return params, rng.standard_normal((N, 5)).astype(dtype), rng.integers(0, 3, N)


@given(cuts=st.sets(st.integers(1, 59)), reg=st.sampled_from([0.0, 0.5]))
def test_batches_of_any_size_give_the_whole_gradient(cuts, reg):
    params, X, y = problem()
    places = [0, *sorted(cuts), 60]

    J, grads = accumulate(two_layer.loss_and_grad, params, ((X[i:j], y[i:j]) for i, j in zip(places, places[1:])), reg)

    expected, whole = two_layer.loss_and_grad(params, X, y, reg)
    np.testing.assert_allclose(J, expected, rtol=1e-14)
    for name, g in whole.items():
        np.testing.assert_allclose(grads[name], g, rtol=0, atol=1e-15 * 60, err_msg=name)


def test_dtypes_and_options_pass_through():
    params, X, y = problem(dtype=np.float32)

    J, grads = accumulate(mlp.loss_and_grad, params, [(X[:7], y[:7]), (X[7:], y[7:])], activation="tanh")

    expected, whole = mlp.loss_and_grad(params, X, y, activation="tanh")
    assert J.dtype == np.float32
    np.testing.assert_allclose(J, expected, rtol=1e-6)
    for name, g in whole.items():
        assert grads[name].dtype == np.float32
        np.testing.assert_allclose(grads[name], g, rtol=0, atol=1e-6)


def test_other_libraries_arrays_stay_their_own():
    params, X, y = problem()
    theirs = {name: jnp.asarray(p) for name, p in params.items()}

    _, grads = accumulate(two_layer.loss_and_grad, theirs, [(jnp.asarray(X), jnp.asarray(y))])

    assert all(type(g) is type(theirs["W1"]) for g in grads.values())


def test_memory_mapped_files_are_read_batch_by_batch(tmp_path):
    N, D = 4000, 500
    rng = np.random.default_rng(0)
    np.save(tmp_path / "X.npy", rng.standard_normal((N, D)))
    np.save(tmp_path / "y.npy", rng.integers(0, 3, N))
    X, y = np.load(tmp_path / "X.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")
    params = init_params([D, 8, 3], rng=rng)

    tracemalloc.start()
    accumulate(two_layer.loss_and_grad, params, ((np.array(X[i : i + 50]), y[i : i + 50]) for i in range(0, N, 50)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    one_batch, gradient = 50 * D * 8, (D * 8 + 8 + 8 * 3 + 3) * 8
    assert peak < 2 * one_batch + 5 * gradient  # of 16 MB in all


def test_no_batch_is_refused():
    with pytest.raises(ValueError, match="batches must hold at least one"):
        accumulate(two_layer.loss_and_grad, problem()[0], [])


def test_the_batches_gradients_are_not_written_to():
    params, X, y = problem()
    kept = []

    def loss_and_grad(*args):
        kept.append(two_layer.loss_and_grad(*args))
        return kept[-1]

    accumulate(loss_and_grad, params, [(X[:20], y[:20]), (X[20:], y[20:])])

    for (i, j), (_, grads) in zip([(0, 20), (20, 60)], kept):
        np.testing.assert_array_equal(grads["W1"], two_layer.loss_and_grad(params, X[i:j], y[i:j])[1]["W1"])
