"""Activations: any shape, both tails, and the conventions at the kinks."""

import numpy as np
import pytest

from handgrad import ACTIVATIONS, elu, hard_tanh, leaky_relu, relu, selu

each_activation = pytest.mark.parametrize("name", ACTIVATIONS)


@each_activation
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3, 4), (0,), (3, 0)])
def test_works_entry_by_entry_on_any_shape(name, shape):
    z = np.random.default_rng(0).standard_normal(shape)
    f = ACTIVATIONS[name]

    h, backward = f(z)
    (dz,) = backward(np.full(shape, 2.0))

    assert h.shape == dz.shape == shape
    for index in np.ndindex(shape):
        alone, backward = f(z[index])
        assert alone == h[index]
        assert backward(np.float64(2.0))[0] == dz[index]


@each_activation
def test_nothing_overflows_at_the_ends_of_the_range(name):
    big = np.array([-1e308, -1e200, -1e154, -750.0, 750.0, 1e154, 1e200, 1e308])

    h, backward = ACTIVATIONS[name](big)
    (dz,) = backward(np.ones_like(big))

    assert np.all(np.isfinite(h))
    assert np.all(np.isfinite(dz))


@pytest.mark.parametrize(
    ("f", "kink", "slope"),
    [
        (relu, 0.0, 0.0),
        (leaky_relu, 0.0, 1.0),
        (lambda z: elu(z, alpha=0.5), 0.0, 0.5),
        (selu, 0.0, 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717),
        (hard_tanh, -1.0, 1.0),
        (hard_tanh, 1.0, 1.0),
    ],
)
def test_slope_at_a_kink_is_the_documented_convention(f, kink, slope):
    _, backward = f(np.array([kink]))

    assert backward(np.ones(1))[0] == pytest.approx(slope, rel=2 * np.finfo(float).eps)


def test_textbook_forms_are_wrong_where_ours_are_right():
    """The measured reason for the forms in use: 1 − tanh² and σ(1 − σ) lose all digits."""
    z = 20.0

    textbook = 1 - np.tanh(z) ** 2
    (ours,) = ACTIVATIONS["tanh"](np.array([z]))[1](np.ones(1))

    assert textbook == 0
    assert ours[0] == pytest.approx(1 / np.cosh(z) ** 2, rel=50 * np.finfo(float).eps)  # e²ᶻ is conditioned by 2z
