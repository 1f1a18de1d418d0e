"""The penalty where it is known."""

import jax
import numpy as np
import pytest

from oracle.reference.annotations import keyword_specs
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules.penalties import STRENGTHS, l2

W = np.array([[3.0, -4.0]])


@pytest.mark.parametrize(
    ("reg", "penalty", "gradient"), [(0.0, 0.0, [0, 0]), (2.0, 25.0, [6, -8]), (0.5, 6.25, [1.5, -2])]
)
def test_value_and_gradient(reg, penalty, gradient):
    value, backward = exact_form_of(l2)(numbers(W), reg=reg)

    assert float(value[()]) == float(l2(W, reg=reg)) == penalty
    assert backward(numbers(1.0))[0].tolist() == [gradient]
    assert jax.grad(lambda W: l2(W, reg=reg))(W).tolist() == [gradient]


def test_the_strengths_drawn_reach_from_none_to_huge():
    assert keyword_specs(l2) == {"reg": STRENGTHS}
    assert min(STRENGTHS.values) == 0
    assert max(STRENGTHS.values) >= 1e6
    assert any(0 < reg < 1e-6 for reg in STRENGTHS.values)
