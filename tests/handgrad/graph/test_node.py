"""Nodes: rules applied to them, leaves made of other values, and the fingerprint of an array."""

import numpy as np
import pytest

from handgrad import rules
from handgrad.graph import Variable, apply, gradients
from handgrad.graph.node import as_leaf, fingerprint, make_leaf, unwrap

A = 1 + np.random.default_rng(0).random((3, 4))


def test_what_a_variable_holds_can_be_changed_by_nobody():
    own = A.copy()
    x = Variable(own)
    y = x * 2

    for v in (x, y, x[0], x.T):
        with pytest.raises(ValueError, match="read-only"):
            v.value[0] = 1
    own[0] = 1  # what it was given remains the caller's


def test_a_rule_of_ones_own_is_applied():
    def double(x):
        return 2 * x, lambda dz: (2 * dz,)

    x = Variable(A)
    (dx,) = gradients(np.sum(apply(double, x)), x)

    assert np.all(dx == 2)


def test_a_rule_that_returns_one_array_twice_does_no_harm():
    def add_carelessly(x, y):
        return x + y, lambda dz: (dz, dz)

    x, y = Variable(A), Variable(A)
    z = apply(add_carelessly, x, y)
    dx, dy = gradients(np.sum(x + z * z), x, y)
    dx_first, dy_first = gradients(np.sum(x * 3 + z * z), x, y)  # z's cotangents come before that of x * 3

    np.testing.assert_allclose(dx, 4 * A + 1)
    np.testing.assert_allclose(dx_first, 4 * A + 3)
    np.testing.assert_allclose(dy, 4 * A)
    np.testing.assert_allclose(dy_first, 4 * A)


@pytest.mark.parametrize("cotangents", [(np.ones(3),), (np.ones((3, 4)), np.ones(3)), ()])
def test_a_rule_with_cotangents_of_wrong_shapes_is_named(cotangents):
    def wrong(x):
        return 2 * x, lambda dz: cotangents

    x = Variable(A)

    with pytest.raises(ValueError, match=r"the pullback of the wrong of shape \(3, 4\) must return cotangents"):
        gradients(np.sum(apply(wrong, x)), x)


def test_without_a_variable_the_plain_value_is_returned():
    z = apply(rules.add, A, A)

    assert isinstance(z, np.ndarray)
    z[0] = 1  # and may be written to


def test_a_result_belongs_to_the_class_and_level_of_the_innermost_argument():
    outer = Variable(2.0)
    inner = Variable(outer)

    z = apply(rules.multiply, inner, outer)

    assert type(z) is Variable
    assert (outer.level, inner.level, z.level) == (0, 1, 1)
    assert z.parents[0] is inner
    assert z.parents[1].value is outer
    assert unwrap(z) == 4.0


@pytest.mark.parametrize("a", [2, True, np.int64(2), np.array([1, 2]), np.array([True, False])], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_leaf_of_integers_takes_the_dtype_of_the_reference(a, dtype):
    x = Variable(np.ones(2, dtype))

    leaf = as_leaf(a, x)

    assert leaf.dtype == dtype
    assert np.array_equal(leaf.value, a)
    assert leaf.source is (a if isinstance(a, np.ndarray) else None)


def test_a_leaf_has_the_level_that_it_is_given():
    assert make_leaf(Variable, np.ones(2), level=7, name="x").level == 7


@pytest.mark.parametrize("shape", [(), (5,), (40, 60), (3, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_a_fingerprint_is_that_of_a_copy_and_of_no_changed_array(shape, dtype):
    a = np.array(100 * np.random.default_rng(0).random(shape), dtype)
    before = fingerprint(a)

    assert fingerprint(a.copy()) == before
    for index in list(np.ndindex(a.shape))[:: max(1, a.size // 50)]:
        changed = a.copy()
        changed[index] += 1
        assert fingerprint(changed) != before
