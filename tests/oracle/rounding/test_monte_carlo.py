"""The spread: it follows the conditioning, covers what rounding may do, and is 0 where nothing rounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from oracle.rounding.monte_carlo import DRAWS, with_perturbed_rounding

jax.config.update("jax_enable_x64", True)

EPS = float(np.finfo(float).eps)


def spread(f, *args, dtype=np.float64):
    return np.asarray(with_perturbed_rounding(f, *args)(dtype, *args)[1])


def test_first_draw_is_the_function_itself():
    x = np.linspace(-3, 3, 12).reshape(3, 4)

    draws = spread(lambda x: jnp.exp(x) @ jnp.tanh(x).T, x)

    assert len(draws) == DRAWS + 1
    np.testing.assert_allclose(draws[0], np.exp(x) @ np.tanh(x).T, rtol=1e-14, atol=1e-14)
    assert np.all(np.ptp(draws, axis=0) > 0)


def test_arithmetic_on_small_integers_does_not_spread():
    x = np.arange(-6.0, 6.0).reshape(3, 4)

    draws = spread(lambda x: jax.nn.relu(x @ x.T - 5) * 3 + jnp.sum(x**2), x)

    assert np.all(draws == draws[0])


def test_spread_follows_cancellation():
    x = np.array([1.0 + 1e-9, 1.0]) / 3

    draws = spread(lambda x: jnp.exp(x[0]) - jnp.exp(x[1]), x)

    relative = np.max(np.abs(draws[1:] - draws[0])) / abs(draws[0])
    assert EPS / 3.4e-10 < relative < 3 * EPS / 3.3e-10  # each exponential is off by an ulp and a half at most


def test_spread_of_a_sum_is_that_of_its_terms_and_not_of_its_result():
    x = np.array([1e8, 1.0, -1e8]) + 0.1

    draws = spread(jnp.sum, x)

    assert 1e8 * EPS / 4 < np.max(np.abs(draws[1:] - draws[0])) < 10 * 1e8 * EPS


@pytest.mark.parametrize(
    ("terms", "dtype", "least", "most"),
    [
        ([1000.1, 1e-5], np.float32, 0.9e-5, 1.1e-5),  # all of the smaller one may be lost, but not more
        ([1000.1, 0.0], np.float32, 0, 0),
        ([1e4, 3e-13], np.float64, 1e4 * EPS / 2, 2e4 * EPS),  # what is lost altogether, and 3e-13 beside it would be
        ([1e4, 3e-13], np.float32, 1e4 * EPS / 2, 2e4 * EPS),
        ([1e4, 0.0], np.float64, 0, 0),
    ],
)
def test_spread_of_a_sum_of_two_is_what_may_be_lost_of_the_smaller(terms, dtype, least, most):
    draws = spread(lambda x: x[0] + x[1], np.array(terms), dtype=dtype)

    assert least <= np.max(np.abs(draws[1:] - draws[0])) <= most


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_half_of_the_draws_all_lost_digits_have_one_sign(dtype):
    small = np.random.default_rng(0).standard_normal(12) * 10 * np.finfo(dtype).eps  # of which 1000.1 keeps nothing

    draws = spread(lambda x: 1000.1 + x, small, dtype=dtype)

    signs = np.sign(draws[1:] - draws[0]) * np.sign(small)
    assert np.sum(np.all(signs == signs[:, :1], axis=1)) == DRAWS / 2


def test_near_a_kink_the_bound_spans_it_and_on_the_kink_it_does_not():
    slope = jax.grad(lambda x: jax.nn.relu(jnp.sum(x)))

    near = spread(slope, np.array([0.1, 0.2, -0.3]))  # whether the sum is positive is a matter of rounding
    exactly = spread(slope, np.array([1.0, 2.0, -3.0]))

    assert np.ptp(near) == 1
    assert np.ptp(exactly) == 0


def test_what_may_be_flushed_to_zero_spreads_by_as_much_as_itself():
    slope = jax.grad(lambda z: jax.nn.leaky_relu(jax.nn.sigmoid(z) * -3.0))

    flushed = spread(slope, -200.0, dtype=np.float32)  # σ(-200) is 0 in float32, and so on the kink
    kept = spread(slope, -200.0, dtype=np.float64)

    assert np.ptp(flushed) > 0.9 * np.max(np.abs(flushed))
    assert np.ptp(kept) < 1e-13 * np.max(np.abs(kept))


def test_in_half_of_the_draws_all_entries_err_to_the_same_side():
    draws = spread(lambda x: x * 0.1, np.full(64, 3.0))

    same_sign = [len(set(np.sign(draw - draws[0]).tolist())) == 1 for draw in draws[1:]]
    assert sum(same_sign) == DRAWS / 2


def test_products_that_cancel_spread_whichever_two_they_are():
    scores = np.full((1, 40), 0.7)

    def differences(products):
        return products.T - products

    draws = spread(lambda s: differences(s * 0.1), scores, dtype=np.float32)

    size = 0.07 * np.finfo(np.float32).eps  # of a unit in the last place of each product
    spreads = np.max(np.abs(draws), axis=0)[~np.eye(40, dtype=bool)]
    assert size / 2 < spreads.min()
    assert spreads.max() < 3.01 * size  # each is changed by one and a half


def test_an_operation_is_changed_by_no_less_than_it_may_err_and_no_more_than_thrice_that():
    draws = spread(lambda x: x * 0.1, np.full(64, 3.0), dtype=np.float32)

    changes = np.abs(draws[1:] - draws[0]) / (np.finfo(np.float32).eps * draws[0])
    assert 0.499 < changes.min() < 0.51
    assert 1.49 < changes.max() < 1.501
