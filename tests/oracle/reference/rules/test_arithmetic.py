"""Arithmetic at points where values and slopes are known, ties and zeros among them."""

from math import e, log

import jax
import numpy as np
import pytest

from oracle import reference
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules import arithmetic

#: A rule, its arguments, its value, and its slopes by the arguments.
KNOWN = [
    ("add", (2.0, 3.0), 5, (1, 1)),
    ("subtract", (2.0, 3.0), -1, (1, -1)),
    ("multiply", (2.0, 3.0), 6, (3, 2)),
    ("divide", (3.0, 2.0), 1.5, (0.5, -0.75)),
    ("power", (2.0, 3.0), 8, (12, 8 * log(2))),
    ("power", (4.0, 0.5), 2, (0.25, 2 * log(4))),
    ("maximum", (2.0, 3.0), 3, (0, 1)),
    ("maximum", (3.0, 3.0), 3, (0.5, 0.5)),
    ("minimum", (2.0, 3.0), 2, (1, 0)),
    ("minimum", (3.0, 3.0), 3, (0.5, 0.5)),
    ("negative", (2.0,), -2, (-1,)),
    ("exp", (1.0,), e, (e,)),
    ("expm1", (log(3),), 2, (3,)),
    ("log", (0.5,), -log(2), (2,)),
    ("log1p", (1.0,), log(2), (0.5,)),
    ("sqrt", (9.0,), 3, (1 / 6,)),
    ("absolute", (-2.0,), 2, (-1,)),
    ("absolute", (0.0,), 0, (1,)),
]


def test_every_rule_has_a_known_point():
    assert {name for name, *_ in KNOWN} == {*arithmetic.__all__} - {"where"}


@pytest.mark.parametrize(("name", "args", "z", "slopes"), KNOWN)
def test_value_and_slopes_at_a_known_point(name, args, z, slopes):
    rule, args = reference.RULES[name], tuple(map(np.array, args))
    value, backward = exact_form_of(rule)(*map(numbers, args))
    by_jax, vjp = jax.vjp(rule, *args)

    assert float(value[()]) == pytest.approx(z, rel=1e-15)
    assert float(by_jax) == pytest.approx(z, rel=1e-15)
    assert [float(np.asarray(d)[()]) for d in backward(numbers(1.0))] == pytest.approx(slopes, rel=1e-15)
    assert [float(d) for d in vjp(np.array(1.0))] == pytest.approx(slopes, rel=1e-14)


def test_where_gives_each_cotangent_to_the_side_that_was_taken():
    condition = np.array([[True], [False]])
    x, y = np.array([1.0, 2.0]), np.array(9.0)

    value, backward = exact_form_of(arithmetic.where)(numbers(x), numbers(y), condition=condition)
    dx, dy = backward(numbers([[1.0, 10.0], [100.0, 1000.0]]))

    assert value.tolist() == np.asarray(arithmetic.where(x, y, condition=condition)).tolist() == [[1, 2], [9, 9]]
    assert dx.tolist() == [1, 10]
    assert dy == 1100


def test_power_of_zero_has_no_slope_by_its_exponent():
    _, backward = exact_form_of(arithmetic.power)(numbers([0.0, 2.0]), numbers([3.0, 0.0]))

    dx, dy = backward(numbers([1.0, 1.0]))

    assert dx.tolist() == [0, 0]
    assert float(dy[0]) == 0
    assert float(dy[1]) == pytest.approx(log(2))
