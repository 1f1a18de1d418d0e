"""The matrix product of vectors, matrices and stacks of matrices."""

import numpy as np
import pytest

from handgrad.rules import matmul

SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((4, 3), (3,)),
    ((4, 3), (3, 2)),
    ((5, 4, 3), (3, 2)),
    ((4, 3), (5, 3, 2)),
    ((5, 1, 4, 3), (2, 3, 2)),
    ((5, 4, 3), (3,)),
    ((3,), (5, 3, 2)),
]


@pytest.mark.parametrize(("x", "y"), SHAPES)
def test_cotangents_are_the_adjoint_of_the_product_for_vectors_and_stacks(x, y):
    rng = np.random.default_rng(0)
    x, y, dx, dy = (rng.integers(-9, 10, shape) * 1.0 for shape in (x, y, x, y))

    z, backward = matmul(x, y)
    dz = rng.integers(-9, 10, z.shape) * 1.0
    to_x, to_y = backward(dz)

    np.testing.assert_array_equal(z, np.matmul(x, y))
    assert (to_x.shape, to_y.shape) == (x.shape, y.shape)
    assert np.sum(to_x * dx) == np.sum(dz * np.matmul(dx, y))  # whole numbers: nothing is rounded
    assert np.sum(to_y * dy) == np.sum(dz * np.matmul(x, dy))


@pytest.mark.parametrize(("x", "y"), [((4, 3), (4, 3)), ((3,), (4,)), ((), (3,)), ((3, 2), ())])
def test_shapes_that_do_not_fit_are_refused_with_both(x, y):
    with pytest.raises(ValueError, match=r"matmul: x must be \(\.\.\., N, D\) .*, got x \(.*\), y \(.*\)"):
        matmul(np.ones(x), np.ones(y))


def test_stacks_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"matmul: shapes must broadcast, got \(2,\) and \(3,\)"):
        matmul(np.ones((2, 4, 3)), np.ones((3, 3, 2)))
