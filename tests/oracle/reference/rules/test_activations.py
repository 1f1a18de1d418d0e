"""The activations at points where their values are known, and their exact slopes as limits of difference quotients."""

from math import log, log1p

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from handgrad import ACTIVATIONS
from oracle import reference
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules import activations

FORMS = {name: exact_form_of(reference.RULES[name]) for name in activations.__all__}
KINKS = {"relu": [0], "leaky_relu": [0], "elu": [0], "selu": [0], "hard_tanh": [-1, 1]}
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772

#: A rule, its keywords, a point, and the value there: logarithms of integers make the exponentials rational.
KNOWN = [
    ("identity", {}, -3.5, -3.5),
    ("relu", {}, -1.0, 0.0),
    ("relu", {}, 2.0, 2.0),
    ("leaky_relu", {}, -1.0, -0.01),
    ("leaky_relu", {"negative_slope": 0.5}, -2.0, -1.0),
    ("elu", {}, -log(2), -0.5),
    ("elu", {"alpha": 2.0}, -log(4), -1.5),
    ("selu", {}, 2.0, 2 * LAMBDA),
    ("selu", {}, -log(2), -LAMBDA * ALPHA / 2),
    ("sigmoid", {}, log(3), 0.75),
    ("tanh", {}, log(2), 0.6),
    ("softplus", {}, log(3), log(4)),
    ("softplus", {}, -log(3), log(4 / 3)),
    ("log_sigmoid", {}, log(3), log(0.75)),
    ("silu", {}, log(3), 0.75 * log(3)),
    ("mish", {}, log(2), 0.8 * log(2)),  # tanh log 3 = 4/5
    ("softsign", {}, -3.0, -0.75),
    ("hard_tanh", {}, -0.5, -0.5),
    ("hard_tanh", {}, 7.0, 1.0),
    ("gelu", {}, 1.0, 0.8411919906082768),
]


def test_these_are_the_activations_of_handgrad():
    assert {*activations.__all__} == {*ACTIVATIONS}
    assert {name for name, *_ in KNOWN} == {*ACTIVATIONS}


@pytest.mark.parametrize(("name", "keywords", "z", "h"), KNOWN)
def test_value_at_a_known_point(name, keywords, z, h):
    by_jax = reference.RULES[name](np.array([[z]]), **keywords)
    exactly, _ = FORMS[name](numbers([[z]]), **keywords)

    assert float(by_jax[0, 0]) == pytest.approx(h, rel=1e-14, abs=1e-300)
    assert float(exactly[0, 0]) == pytest.approx(h, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("name", activations.__all__)
@pytest.mark.parametrize("z", [-1e4, -700.0, -30.0, -2.0, -0.7, -1e-8, 1e-8, 0.5, 3.0, 37.0, 700.0, 1e4])
def test_slope_is_the_limit_of_the_difference_quotient(name, z):
    value, slope = FORMS[name].value, FORMS[name].slope

    with mpmath.workdps(1000 if abs(z) <= 700 else 10000):  # slopes as small as e^-20000 beside values near 1
        h = mpf(10) ** -40
        quotient = (value(z + h) - value(z - h)) / (2 * h)
        error = abs(quotient - slope(mpf(z)))

    assert error <= mpf(10) ** -30 * abs(quotient)


@pytest.mark.parametrize(("name", "kink"), [(name, kink) for name in KINKS for kink in KINKS[name]])
def test_slope_at_a_kink_is_that_of_one_of_its_sides(name, kink):
    slope = FORMS[name].slope

    with mpmath.workdps(60):
        sides = [slope(kink - mpf(10) ** -50), slope(kink + mpf(10) ** -50)]
        assert min(abs(slope(mpf(kink)) - side) for side in sides) < mpf(10) ** -40


@pytest.mark.parametrize(
    ("name", "kink", "slope"),
    [("relu", 0, 0), ("leaky_relu", 0, 1), ("elu", 0, 1), ("hard_tanh", -1, 1), ("hard_tanh", 1, 1)],
)
def test_slope_at_a_kink_is_that_of_the_table(name, kink, slope):
    assert FORMS[name].slope(mpf(kink)) == slope


def test_the_tails_keep_their_digits():
    assert float(FORMS["softplus"].value(mpf(-50))) == pytest.approx(log1p(np.exp(-50.0)), rel=1e-15)
    assert float(FORMS["tanh"].slope(mpf(20))) == pytest.approx(4 * np.exp(-40.0), rel=1e-15)
