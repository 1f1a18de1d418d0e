"""The matrix product beside einsum, for every shape that is drawn."""

import numpy as np
import pytest

from oracle.reference.annotations import array_specs
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules.matmul import matmul

#: Shapes, and the product and its cotangents by einsum.
CASES = {
    "D,D": ((3,), (3,), "d,d->", ",d->d", ",d->d"),
    "ND,D": ((2, 3), (3,), "nd,d->n", "n,d->nd", "n,nd->d"),
    "D,DH": ((3,), (3, 4), "d,dh->h", "h,dh->d", "h,d->dh"),
    "ND,DH": ((2, 3), (3, 4), "nd,dh->nh", "nh,dh->nd", "nh,nd->dh"),
    "BND,DH": ((5, 2, 3), (3, 4), "bnd,dh->bnh", "bnh,dh->bnd", "bnh,bnd->dh"),
    "ND,BDH": ((2, 3), (5, 3, 4), "nd,bdh->bnh", "bnh,bdh->nd", "bnh,nd->bdh"),
    "ABND,BDH": ((6, 5, 2, 3), (5, 3, 4), "abnd,bdh->abnh", "abnh,bdh->abnd", "abnh,abnd->bdh"),
}


@pytest.mark.parametrize("case", CASES)
def test_product_and_cotangents_are_einsums(case):
    shape_x, shape_y, product, by_x, by_y = CASES[case]
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-5, 6, shape).astype(float) for shape in (shape_x, shape_y))

    value, backward = exact_form_of(matmul)(numbers(x), numbers(y))
    z = np.einsum(product, x, y)
    dz = rng.integers(-5, 6, z.shape).astype(float)
    dx, dy = backward(numbers(dz))

    assert np.asarray(value, float).tolist() == np.asarray(matmul(x, y)).tolist() == z.tolist()
    assert np.asarray(dx, float).tolist() == np.einsum(by_x, dz, y).tolist()
    assert np.asarray(dy, float).tolist() == np.einsum(by_y, dz, x).tolist()


def test_a_stack_of_one_is_used_by_every_matrix():
    x, y = np.ones((1, 2, 3)), np.ones((5, 3, 4))

    value, backward = exact_form_of(matmul)(numbers(x), numbers(y))
    dx, _ = backward(numbers(np.ones((5, 2, 4))))

    assert value.shape == (5, 2, 4)
    assert dx.tolist() == np.full((1, 2, 3), 20).tolist()


def test_any_two_shapes_that_are_drawn_can_be_multiplied():
    sizes = {"A": 2, "B": 3, "N": 4, "D": 5, "H": 6}
    x, y = array_specs(matmul).values()

    for i in range(len(x.shapes)):
        for j in range(len(y.shapes)):
            assert np.matmul(np.ones(x.shape(sizes, i)), np.ones(y.shape(sizes, j))).size > 0
