"""Rules that move, repeat, pick and join entries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from handgrad.rules import broadcast_to, concatenate, getitem, reshape, scatter, transpose

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("rule", "kwargs", "expected"),
    [
        (reshape, {"shape": (4, -1)}, X.reshape(4, 6)),
        (reshape, {"shape": 24}, X.reshape(24)),
        (transpose, {}, X.T),
        (transpose, {"axes": (1, -1, 0)}, X.transpose(1, 2, 0)),
        (broadcast_to, {"shape": (5, 2, 3, 4)}, np.broadcast_to(X, (5, 2, 3, 4))),
        (getitem, {"index": (..., None, slice(None, None, -2))}, X[..., None, ::-2]),
        (getitem, {"index": X > 5}, X[X > 5]),
        (getitem, {"index": ([0, 0], [1, 2])}, X[[0, 0], [1, 2]]),
    ],
)
def test_values_are_those_of_numpy_and_cotangents_their_adjoint(rule, kwargs, expected):
    z, backward = rule(X, **kwargs)
    dz = np.random.default_rng(0).integers(-9, 10, z.shape) * 1.0
    (dx,) = backward(dz)

    np.testing.assert_array_equal(z, expected)
    assert dx.shape == X.shape
    assert np.sum(dx * X) == np.sum(dz * expected)  # whole numbers: nothing is rounded


@given(index=npst.basic_indices((2, 3, 4), allow_newaxis=True))
def test_scatter_is_the_counterpart_of_getitem(index):
    picked = np.asarray(X[index])

    z, backward = scatter(picked, index=index, shape=X.shape)

    expected = np.zeros_like(X)
    expected[index] = picked
    np.testing.assert_array_equal(z, expected)
    np.testing.assert_array_equal(backward(X)[0], picked)


@given(lengths=st.lists(st.integers(0, 3), min_size=1, max_size=4), axis=st.sampled_from([0, 1, -1]))
def test_concatenation_is_undone_by_its_pullback(lengths, axis):
    shapes = [(n, 2) if axis == 0 else (2, n) for n in lengths]
    arrays = [np.random.default_rng(n).standard_normal(shape) for n, shape in enumerate(shapes)]

    z, backward = concatenate(*arrays, axis=axis)

    np.testing.assert_array_equal(z, np.concatenate(arrays, axis))
    for a, da in zip(arrays, backward(z), strict=True):
        np.testing.assert_array_equal(da, a)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: transpose(X, axes=(0, 0, 1)), ValueError, "transpose: axes must name each axis .* 3 dimensions once"),
        (lambda: broadcast_to(X, shape=(3, 4)), ValueError, r"broadcast_to: shape must be one that \(2, 3, 4\)"),
        (lambda: broadcast_to(X, shape=(2, 3, 5)), ValueError, r"broadcasts to, got \(2, 3, 5\)"),
        (lambda: reshape(X, shape=(5, 5)), ValueError, "reshape"),
        (lambda: concatenate(), ValueError, "concatenate: arrays must be one or more, got none"),
        (lambda: concatenate(X, X[0]), ValueError, r"match except along axis 0, got \(2, 3, 4\), \(3, 4\)"),
        (lambda: concatenate(X, X[..., :2]), ValueError, "concatenate: shapes must match except along axis 0"),
        (lambda: concatenate(X, X, axis=3), ValueError, "concatenate: shapes must match except along axis 3"),
        (lambda: concatenate(X, X.astype(np.float32)), TypeError, "must have one dtype, got float64, float32"),
        (lambda: getitem(X, index=2), IndexError, "out of bounds"),
        (lambda: scatter(X[0], index=2, shape=(2, 3, 4)), IndexError, "out of bounds"),
        (
            lambda: scatter(X, index=0, shape=(2, 3, 4)),
            ValueError,
            r"the shape of z\[index\] \(3, 4\), got \(2, 3, 4\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
