"""The affine map, by jax.numpy and exactly, beside sums written out."""

import jax
import numpy as np

from oracle.reference.annotations import array_specs, value_dims
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules.affine import affine

x, W, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]), np.array([10.0, 20.0, 30.0])


def test_value_is_each_row_times_each_column_plus_the_bias():
    exactly, _ = exact_form_of(affine)(*map(numbers, (x, W, b)))

    assert np.asarray(affine(x, W, b)).tolist() == exactly.tolist() == [[25, 38, 51]]


def test_cotangents_count_how_often_each_entry_is_used():
    _, backward = exact_form_of(affine)(*map(numbers, (x, W, b)))
    _, by_jax = jax.vjp(affine, x, W, b)
    dz = np.array([[1.0, 10.0, 100.0]])

    dx, dW, db = backward(numbers(dz))

    assert dx.tolist() == [[3 + 40 + 500, 6 + 70 + 800]]
    assert dW.tolist() == [[1, 10, 100], [2, 20, 200]]
    assert db.tolist() == [1, 10, 100]
    for d, expected in zip(by_jax(dz), (dx, dW, db), strict=True):
        assert np.asarray(d).tolist() == expected.tolist()


def test_dimensions_of_a_product_are_shared_by_its_factors():
    dims = {name: spec.shapes[0] for name, spec in array_specs(affine).items()}

    assert dims["x"][1] == dims["W"][0]
    assert (dims["x"][0], dims["W"][1]) == value_dims(affine)
    assert dims["b"] == dims["W"][1:]
