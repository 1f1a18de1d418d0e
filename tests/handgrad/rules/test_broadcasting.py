"""The shapes that broadcast are NumPy's, and summing undoes the repetition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from handgrad.rules.broadcasting import check_broadcast, check_operands, unbroadcast

shapes = npst.array_shapes(min_dims=0, max_dims=3, max_side=3)


@given(first=shapes, second=shapes)
def test_shapes_are_refused_exactly_where_numpy_refuses_them(first, second):
    try:
        np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(ValueError, match="rule: shapes must broadcast, got "):
            check_broadcast("rule", first, second)
    else:
        check_broadcast("rule", first, second)


@given(both=npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_unbroadcast_is_the_adjoint_of_broadcasting(both):
    shape, whole = both.input_shapes[0], both.result_shape
    rng = np.random.default_rng(0)
    x, dz = rng.integers(-9, 10, shape) * 1.0, rng.integers(-9, 10, whole) * 1.0

    dx = unbroadcast(dz, x)

    assert dx.shape == shape
    assert np.sum(dx * x) == np.sum(dz * np.broadcast_to(x, whole))  # whole numbers: nothing is rounded


def test_unbroadcast_copies_only_on_request():
    x, dz = np.ones((2, 3)), np.ones((2, 3))

    assert unbroadcast(dz, x) is dz
    assert not np.shares_memory(unbroadcast(dz, x, copy=True), dz)


def test_operands_are_refused_with_the_name_of_the_operation():
    with pytest.raises(TypeError, match="scale: x and y must have one dtype, got x float64, y float32"):
        check_operands("scale", np.ones(2), np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"scale: shapes must broadcast, got \(2,\) and \(3,\)"):
        check_operands("scale", np.ones(2), np.ones(3))
