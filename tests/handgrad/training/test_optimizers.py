import copy
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.training.optimizers import adagrad, adam, adamw, apply_updates, exponential_decay, rmsprop, sgd

jax.config.update("jax_enable_x64", True)

SETTINGS = [
    {"momentum": 0.0},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
]
MASK = {"W1": True, "b1": False, "W2": True, "b2": False}
#: Each beside optax's, with the same settings.
OPTIMIZERS = {
    "sgd": (sgd, optax.sgd, {}),
    "momentum": (sgd, optax.sgd, {"momentum": 0.9}),
    "nesterov": (sgd, optax.sgd, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (adagrad, optax.adagrad, {}),
    "adagrad from 0": (adagrad, optax.adagrad, {"initial_accumulator_value": 0.0, "eps": 1e-3}),
    "rmsprop": (rmsprop, optax.rmsprop, {}),
    "rmsprop, longer memory": (rmsprop, optax.rmsprop, {"decay": 0.99, "eps": 1e-3}),
    "adam": (adam, optax.adam, {}),
    "adam, other moments": (adam, optax.adam, {"b1": 0.5, "b2": 0.9, "eps": 1e-3}),
    "adamw": (adamw, optax.adamw, {"weight_decay": 0.1}),
    "adamw on weights": (adamw, optax.adamw, {"weight_decay": 0.1, "mask": MASK}),
}
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
RATES = [0.05, exponential_decay(0.1, rate=0.7, every=3)]


def jax_loss(params, X, y):
    s = jax.nn.relu(X @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(s), y[:, None], axis=1))


jax_gradient = jax.jit(jax.grad(jax_loss))


def problem(dtype=np.float64):
    rng = np.random.default_rng(0)
    params = {
        "W1": rng.standard_normal((4, 6)).astype(dtype),
        "b1": rng.standard_normal(6).astype(dtype),
        "W2": rng.standard_normal((6, 3)).astype(dtype),
        "b2": rng.standard_normal(3).astype(dtype),
    }
    return params, rng.standard_normal((8, 4)), rng.integers(0, 3, 8)


def descend(opt, params, gradient, steps):
    state = opt.init(params)
    for _ in range(steps):
        updates, state = opt.update(gradient(params), state, params)
        params = apply_updates(params, updates)
    return params, state


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("rate", RATES)
def test_trajectory_is_that_of_the_formulas_on_jax_grad(settings, rate):
    params, X, y = problem()
    m, nesterov = settings["momentum"], settings.get("nesterov", False)

    def gradient(params):
        return jax_gradient(params, X, y)

    found, _ = descend(sgd(rate, **settings), params, lambda p: jax.tree.map(np.asarray, gradient(p)), 12)

    expected = params
    velocity = jax.tree.map(jnp.zeros_like, params)
    for step in range(12):
        alpha = rate if isinstance(rate, float) else 0.1 * 0.7 ** (step // 3)
        grads = gradient(expected)
        velocity = jax.tree.map(lambda g, v: g + m * v, grads, velocity)
        direction = jax.tree.map(lambda g, v: g + m * v, grads, velocity) if nesterov else velocity
        expected = jax.tree.map(lambda p, d, alpha=alpha: p - alpha * d, expected, direction)
    for name in params:  # the same operations in the same order: the same bits
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize(("name", "rate"), [*((name, 0.05) for name in OPTIMIZERS), ("adam", RATES[1])])
def test_trajectory_over_100_steps_is_optaxs(name, rate):
    ours, theirs, settings = OPTIMIZERS[name]
    params, X, y = problem()

    def gradient(params):
        return jax_gradient(params, X, y)

    found, _ = descend(ours(rate, **settings), params, lambda p: jax.tree.map(np.asarray, gradient(p)), 100)

    opt = theirs(rate if isinstance(rate, float) else lambda step: 0.1 * jnp.float64(0.7) ** (step // 3), **settings)
    step, expected, state = jax.jit(opt.update), jax.tree.map(jnp.asarray, params), opt.init(params)
    for _ in range(100):
        updates, state = step(gradient(expected), state, expected)
        expected = optax.apply_updates(expected, updates)
    for key in params:
        assert np.abs(found[key] - params[key]).max() > 0.01
        np.testing.assert_allclose(found[key], expected[key], rtol=0, atol=1e-10, err_msg=key)


small = st.integers(-8, 8)


@given(start=small, g=st.lists(small, min_size=1, max_size=8), nesterov=st.booleans())
def test_momentum_weighs_each_past_gradient_by_a_power_of_m(start, g, nesterov):
    opt, p = sgd(0.25, momentum=0.5, nesterov=nesterov), {"w": np.array([float(start)])}
    state = opt.init(p)
    for g_t in g:
        updates, state = opt.update({"w": np.array([float(g_t)])}, state, p)
        p = apply_updates(p, updates)

    v = [sum(0.5 ** (t - s) * g[s] for s in range(t + 1)) for t in range(len(g))]
    direction = [g[t] + 0.5 * v[t] for t in range(len(g))] if nesterov else v
    assert p["w"] == start - 0.25 * sum(direction)  # powers of two and small integers: exact


@given(start=small, curvature=st.integers(0, 3), steps=st.integers(1, 6))
def test_nesterovs_form_is_sutskevers_seen_from_the_point_ahead(start, curvature, steps):
    m, alpha = 0.5, 0.25
    found, _ = descend(
        sgd(alpha, momentum=m, nesterov=True),
        {"w": np.array([float(start)])},
        lambda p: {"w": curvature * p["w"]},
        steps,
    )

    theta, v = float(start), 0.0  # Sutskever et al. 2013, equations 3 and 4, for J = ½ curvature θ²
    for _ in range(steps):
        v = m * v - alpha * curvature * (theta + m * v)
        theta = theta + v
    assert found["w"] == theta + m * v


@each_optimizer
@pytest.mark.parametrize("rate", [np.float64(0.1), lambda step: np.float64(0.1), *RATES])
def test_float32_stays_float32(name, rate):
    ours, _, settings = OPTIMIZERS[name]
    params, _, _ = problem(np.float32)

    found, state = descend(ours(rate, **settings), params, lambda p: p, 3)

    memory = [a for remembered in state.values() if isinstance(remembered, dict) for a in remembered.values()]
    assert {a.dtype for a in [*found.values(), *memory]} == {np.dtype(np.float32)}


@each_optimizer
def test_no_argument_is_written_to_or_shared(name):
    ours, _, settings = OPTIMIZERS[name]
    params, _, _ = problem()
    opt = ours(0.1, **settings)
    _, state = opt.update(params, opt.init(params), params)
    given = {"params": params, "grads": {k: p + 1 for k, p in params.items()}, "state": state}
    before = copy.deepcopy(given)

    updates, next_state = opt.update(given["grads"], given["state"], given["params"])
    found = apply_updates(given["params"], updates)

    arrays = jax.tree.leaves(given)
    for a, b in zip(arrays, jax.tree.leaves(before), strict=True):
        np.testing.assert_array_equal(a, b)
    for a in jax.tree.leaves([updates, next_state, found]):
        assert not any(np.shares_memory(a, b) for b in arrays if isinstance(b, np.ndarray))
    assert given.keys() == before.keys()
    assert state.keys() == before["state"].keys()


def test_the_state_holds_the_number_of_steps_and_the_last_rate():
    _, state = descend(sgd(lambda step: 10.0**-step), {"w": np.ones(2)}, lambda p: p, 4)

    assert state == {"step": 4, "learning_rate": 1e-3}


@each_optimizer
def test_a_learning_rate_of_zero_leaves_the_parameters_as_they_are(name):
    ours, _, settings = OPTIMIZERS[name]
    params, _, _ = problem()

    found, _ = descend(ours(0.0, **settings), params, lambda p: p, 3)

    for name in params:
        np.testing.assert_array_equal(found[name], params[name])


def test_update_runs_on_jax_arrays_under_jit():
    params = {"w": jnp.array([1.0, 2.0])}
    opt = sgd(0.5, momentum=0.5, nesterov=True)

    updates, state = jax.jit(opt.update)(params, opt.init(params), params)

    np.testing.assert_array_equal(updates["w"], [-0.75, -1.5])
    np.testing.assert_array_equal(state["velocity"]["w"], [1.0, 2.0])


@each_optimizer
def test_update_under_jit_gives_what_it_gives_outside(name):
    ours, _, settings = OPTIMIZERS[name]
    params, _, _ = problem()
    params, opt = jax.tree.map(jnp.asarray, params), ours(0.5, **settings)
    state = opt.init(params)

    for _ in range(3):
        updates, after = opt.update(params, state, params)
        traced, state = jax.jit(opt.update)(params, state, params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), (traced, state), (updates, after))


@given(step=st.integers(0, 10**6), every=st.integers(1, 1000), rate=st.floats(0.01, 1))
def test_decay_is_a_staircase(step, every, rate):
    schedule = exponential_decay(0.3, rate=rate, every=every)

    assert schedule(step) == 0.3 * rate ** (step // every)
    assert schedule(step - step % every) == schedule(step)
    assert isinstance(schedule(step), float)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sgd(-0.1), ValueError, "learning_rate must be in [0, inf), got -0.1"),
        (lambda: sgd(float("nan")), ValueError, "learning_rate must be in [0, inf), got nan"),
        (lambda: sgd(float("inf")), ValueError, "got inf"),
        (lambda: sgd("0.1"), TypeError, "learning_rate must be a real number, got str"),
        (lambda: sgd(True), TypeError, "got bool"),
        (lambda: sgd(0.1, momentum=1.0), ValueError, "momentum must be in [0, 1), got 1.0"),
        (lambda: sgd(0.1, momentum=-0.5), ValueError, "got -0.5"),
        (lambda: sgd(0.1, nesterov=True), ValueError, "nesterov needs a momentum above 0"),
        (lambda: sgd(lambda step: -1.0).init({}), ValueError, "learning_rate must be in [0, inf)"),
        (lambda: adagrad(0.1, eps=0.0), ValueError, "eps must be in (0, inf), got 0.0"),
        (
            lambda: adagrad(0.1, initial_accumulator_value=-1),
            ValueError,
            "initial_accumulator_value must be in",
        ),
        (lambda: rmsprop(0.1, decay=1.0), ValueError, "decay must be in [0, 1), got 1.0"),
        (lambda: rmsprop(-1.0), ValueError, "learning_rate must be in [0, inf)"),
        (lambda: adam(0.1, b1=1.0), ValueError, "b1 must be in [0, 1)"),
        (lambda: adam(0.1, b2=float("nan")), ValueError, "b2 must be in [0, 1)"),
        (lambda: adam(0.1, eps="small"), TypeError, "eps must be a real number, got str"),
        (lambda: adamw(0.1, weight_decay=-0.1), ValueError, "weight_decay must be in [0, inf)"),
        (lambda: exponential_decay(-1.0, rate=0.5, every=1), ValueError, "learning_rate must be in [0, inf)"),
        (lambda: exponential_decay(1.0, rate=0.0, every=1), ValueError, "rate must be in (0, 1], got 0.0"),
        (lambda: exponential_decay(1.0, rate=1.5, every=1), ValueError, "got 1.5"),
        (lambda: exponential_decay(1.0, rate=0.5, every=0), ValueError, "every must be at least 1, got 0"),
        (lambda: exponential_decay(1.0, rate=0.5, every=2.0), TypeError, "every must be an integer, got float"),
    ],
)
def test_settings_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("grads", "error", "message"),
    [
        ({"W1": np.ones((2, 3))}, ValueError, "grads must have the parameters' keys W1, b1, got W1"),
        (
            {"W1": np.ones((2, 3)), "b1": np.ones((1, 3))},
            ValueError,
            "grads must have shape (3,) for b1, got (1, 3)",
        ),
        (
            {"W1": np.ones((2, 3)), "b1": np.ones(3, np.float32)},
            TypeError,
            "grads must have dtype float64 for b1, got float32",
        ),
    ],
)
def test_gradients_that_do_not_match_are_refused(grads, error, message):
    params = {"W1": np.ones((2, 3)), "b1": np.ones(3)}
    opt = sgd(0.1)

    with pytest.raises(error, match=re.escape(message)):
        opt.update(grads, opt.init(params), params)
    with pytest.raises(error, match=re.escape(message.replace("grads", "updates"))):
        apply_updates(params, grads)


def test_a_state_without_the_velocity_is_refused():
    params = {"w": np.ones(2)}

    with pytest.raises(ValueError, match="velocity must have the parameters' keys w, got none"):
        sgd(0.1, momentum=0.9).update(params, sgd(0.1).init(params), params)


def test_a_mask_of_other_keys_is_refused():
    params = {"w": np.ones(2)}
    opt = adamw(0.1, mask={"W1": True})

    with pytest.raises(ValueError, match="mask must have the parameters' keys w, got W1"):
        opt.update(params, opt.init(params), params)
