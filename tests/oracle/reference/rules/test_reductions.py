"""Reductions where they are known: ties, large entries, corrections, and axes of every kind."""

from math import log

import jax
import numpy as np
import pytest

from oracle import reference
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules import reductions

#: A rule, keywords, the entries, its value, and the slope by each entry.
KNOWN = [
    ("sum", {}, [1.0, 2.0, 6.0], 9, [1, 1, 1]),
    ("mean", {}, [1.0, 2.0, 6.0], 3, [1 / 3, 1 / 3, 1 / 3]),
    ("max", {}, [1.0, 6.0, 2.0], 6, [0, 1, 0]),
    ("max", {}, [6.0, 6.0, 2.0], 6, [0.5, 0.5, 0]),
    ("var", {}, [1.0, 2.0, 6.0], 14 / 3, [-4 / 3, -2 / 3, 2]),
    ("var", {"correction": 1.0}, [1.0, 2.0, 6.0], 7, [-2, -1, 3]),
    ("logsumexp", {}, [0.0, log(3)], log(4), [0.25, 0.75]),
    ("logsumexp", {}, [1000.0, 1000.0], 1000 + log(2), [0.5, 0.5]),
]


def test_every_rule_has_a_known_point():
    assert {name for name, *_ in KNOWN} == {*reductions.__all__}


@pytest.mark.parametrize(("name", "keywords", "x", "z", "slopes"), KNOWN)
def test_value_and_slopes_at_a_known_point(name, keywords, x, z, slopes):
    rule = reference.RULES[name]
    value, backward = exact_form_of(rule)(numbers(x), **keywords)
    by_jax, vjp = jax.vjp(lambda x: rule(x, **keywords), np.array(x))

    assert float(value[()]) == pytest.approx(z, rel=1e-15)
    assert float(by_jax) == pytest.approx(z, rel=1e-15)
    assert [float(d) for d in backward(numbers(1.0))[0]] == pytest.approx(slopes, rel=1e-15)
    assert vjp(np.array(1.0))[0].tolist() == pytest.approx(slopes, rel=1e-14)


def test_the_exact_logsumexp_keeps_what_is_far_below_the_largest():
    _, backward = exact_form_of(reductions.logsumexp)(numbers([0.0, -100.0]))

    (dx,) = backward(numbers(1.0))

    assert float(dx[1]) == pytest.approx(np.exp(-100.0), rel=1e-14)


@pytest.mark.parametrize("name", reductions.__all__)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), ()])
def test_axes_are_those_of_numpy(name, axis):
    x = np.random.default_rng(0).integers(-9, 10, (2, 3)).astype(float)

    value, _ = exact_form_of(reference.RULES[name])(numbers(x), axis=axis, keepdims=True)

    np.testing.assert_allclose(
        np.asarray(value, float), reference.RULES[name](x, axis=axis, keepdims=True), rtol=1e-14, atol=1e-14
    )
