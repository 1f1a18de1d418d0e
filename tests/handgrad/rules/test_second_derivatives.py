"""The second derivative of every activation, against JAX's."""

import jax
import numpy as np
import pytest

from handgrad import ACTIVATIONS
from handgrad.rules.second_derivatives import CURVATURES, flat
from oracle import reference


def test_every_activation_has_a_second_derivative():
    assert CURVATURES.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_curvature_of_every_activation_is_jaxs_second_derivative(activation):
    z = np.concatenate(
        [np.linspace(-8, 8, 51) + 0.013, [0.0, 1e-9, -1e-9, 700.0, -700.0]]
    )  # at 0 and off the other kinks

    found = CURVATURES[activation](z)

    expected = jax.jit(jax.vmap(jax.grad(jax.grad(reference.RULES[activation]))))(z)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert CURVATURES[activation](z.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("activation", ["identity", "relu", "leaky_relu", "hard_tanh"])
def test_straight_lines_are_flat(activation):
    assert CURVATURES[activation] is flat
