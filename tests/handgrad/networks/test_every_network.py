"""Properties that hold for every network in ``handgrad.NETWORKS``, and those of all perceptrons among them."""

import functools
import re
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handgrad import NETWORKS, NonFiniteError, init_params, mlp
from oracle import reference
from oracle.checks.evaluation import evaluate
from oracle.gradients import autodiff, exact
from oracle.reference.tree import tree_leaves
from oracle.rounding.bounds import FACTOR
from oracle.rounding.monte_carlo import DRAWS
from oracle.strategies.networks import network_problems
from tests.tools.network_derivatives import PERCEPTRONS

each_network = pytest.mark.parametrize("name", NETWORKS)
each_perceptron = pytest.mark.parametrize("name", PERCEPTRONS)
EPS = np.finfo(float).eps


def problems(name, dtype=np.float64):
    return network_problems(name, dtype)


def call(problem):
    return NETWORKS[problem.name].loss_and_grad(problem.params, problem.X, problem.y, problem.reg, **problem.kwargs)


def small_problem(name, dtype=np.float64):
    rng = np.random.default_rng(0)
    depth = getattr(NETWORKS[name], "DEPTH", 4)
    params = init_params([6, *[8] * (depth - 1), 4], rng=rng, dtype=dtype)
    return params, rng.standard_normal((16, 6)), rng.integers(0, 4, 16)


def bounds(problem):
    return autodiff.answers(problem).bound


def by_name(loss, grads):
    return {"loss": loss, **tree_leaves(grads)}


def last_bias(problem):
    return f"b{len(problem.params) // 2}"


@each_network
def test_has_a_reference(name):
    assert name in reference.NETWORKS


@each_network
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_loss_and_gradients_equal_jax(name, dtype, data):
    problem = data.draw(network_problems(name, dtype))

    evaluation = evaluate(problem)

    assert not evaluation.failures


@each_network
@settings(max_examples=20)
@given(data=st.data())
def test_loss_and_gradients_equal_exact_arithmetic(name, data):
    problem = data.draw(problems(name))

    truth, bound = exact.answers(problem), bounds(problem)

    for result, answer in problem.answers().items():
        assert np.all(exact.error(answer, truth[result]) <= bound[result]), result


@each_perceptron
@given(data=st.data())
def test_loss_is_that_of_loss_and_grad(name, data):
    problem = data.draw(network_problems(name))
    network = NETWORKS[name]

    alone = network.loss(problem.params, problem.X, problem.y, problem.reg, **problem.kwargs)
    with_grads, _ = call(problem)

    assert alone == with_grads
    assert alone.dtype == with_grads.dtype == problem.dtype


@each_perceptron
@given(data=st.data())
def test_predicts_the_class_with_the_highest_score(name, data):
    problem = data.draw(network_problems(name))

    scores = NETWORKS[name].scores(problem.params, problem.X, **problem.kwargs)
    predicted = NETWORKS[name].predict(problem.params, problem.X, **problem.kwargs)

    assert scores.shape == (len(problem.X), len(problem.params[last_bias(problem)]))
    assert scores.dtype == problem.dtype
    assert np.array_equal(predicted, np.argmax(scores, axis=1))


@each_perceptron
@given(data=st.data())
def test_rows_of_the_score_gradient_sum_to_zero(name, data):
    problem = data.draw(problems(name))

    _, grads = call(problem)

    db = grads[last_bias(problem)]  # the sum of the rows, each of which sums to 0 and to at most 2 / N in size
    assert abs(db.sum()) <= 4 * EPS * (len(db) + len(problem.X))


@each_network
@given(data=st.data())
def test_gradient_of_a_batch_is_the_mean_of_its_parts(name, data):
    problem = data.draw(problems(name))
    N = len(problem.X)
    assume(N > 1)
    cut = data.draw(st.integers(1, N - 1))
    parts = [replace(problem, X=problem.X[rows], y=problem.y[rows]) for rows in (slice(cut), slice(cut, N))]

    loss, grads = call(problem)
    (loss_1, grads_1), (loss_2, grads_2) = map(call, parts)

    all_bounds = [bounds(p) for p in (problem, *parts)]
    whole, first, second = by_name(loss, grads), by_name(loss_1, grads_1), by_name(loss_2, grads_2)
    for key in whole:
        mean = (cut * first[key] + (N - cut) * second[key]) / N
        tolerance = sum(b[key] for b in all_bounds) + 4 * EPS * (np.abs(first[key]) + np.abs(second[key]))
        assert np.all(np.abs(whole[key] - mean) <= tolerance), key


@each_network
@given(data=st.data())
def test_permuting_the_examples_changes_nothing(name, data):
    problem = data.draw(problems(name))
    order = np.array(data.draw(st.permutations(range(len(problem.X)))))
    permuted = replace(problem, X=problem.X[order], y=problem.y[order])

    (loss, grads), (loss_p, grads_p) = call(problem), call(permuted)

    bound, permuted_answers = bounds(problem), by_name(loss_p, grads_p)
    for key, a in by_name(loss, grads).items():
        assert np.all(np.abs(a - permuted_answers[key]) <= 2 * bound[key]), key


@each_perceptron
@given(data=st.data())
def test_permuting_the_classes_permutes_the_gradient(name, data):
    problem = data.draw(problems(name))
    depth = len(problem.params) // 2
    W, b = f"W{depth}", f"b{depth}"
    order = np.array(data.draw(st.permutations(range(len(problem.params[b])))))
    params = {**problem.params, W: problem.params[W][:, order], b: problem.params[b][order]}
    permuted = replace(problem, params=params, y=np.argsort(order)[problem.y.astype(int)])

    (loss, grads), (loss_p, grads_p) = call(problem), call(permuted)

    bound = bounds(problem)
    assert abs(loss - loss_p) <= 2 * bound["loss"]
    for key, g in grads.items():
        at = (..., order) if key in (W, b) else ...
        assert np.all(np.abs(g[at] - grads_p[key]) <= 2 * bound[key][at]), key


@pytest.mark.parametrize("name", ["two_layer", "three_layer", "mlp"])
@given(data=st.data())
def test_permuting_the_hidden_units_permutes_the_gradient(name, data):
    problem = data.draw(problems(name))
    assume(len(problem.params) > 2)
    order = np.array(data.draw(st.permutations(range(len(problem.params["b1"])))))
    moved = {"W1": (..., order), "b1": (order,), "W2": (order,)}
    params = {key: a[moved[key]] if key in moved else a for key, a in problem.params.items()}

    (loss, grads), (loss_p, grads_p) = call(problem), call(replace(problem, params=params))

    bound = bounds(problem)
    assert abs(loss - loss_p) <= 2 * bound["loss"]
    for key, g in grads.items():
        at = moved.get(key, ...)
        assert np.all(np.abs(g[at] - grads_p[key]) <= 2 * bound[key][at]), key


@each_perceptron
@given(data=st.data())
def test_penalty_adds_reg_times_the_weights_and_nothing_to_the_biases(name, data):
    problem = data.draw(problems(name))

    _, with_penalty = call(problem)
    _, without = call(replace(problem, reg=0.0))

    for key, g in with_penalty.items():
        if key.startswith("b"):
            assert np.array_equal(g, without[key]), key
        else:
            added = problem.reg * problem.params[key]
            rounding = 2 * EPS * (np.abs(g) + np.abs(without[key]) + np.abs(added)) + np.finfo(float).tiny
            assert np.all(np.abs(g - without[key] - added) <= rounding), key


@pytest.mark.parametrize("name", ["two_layer", "three_layer"])
@given(data=st.data())
def test_rescaling_a_rectified_unit_rescales_its_gradient_exactly(name, data):
    """ReLU(a z) = a ReLU(z) for a > 0, and a power of two rounds nothing."""
    drawn = data.draw(problems(name))
    # one order in memory for all: another is another order of summation
    problem = replace(drawn, reg=0.0, params={key: p.copy(order="C") for key, p in drawn.params.items()})
    a = 2.0 ** data.draw(st.integers(-6, 6))
    factors = {"W1": a, "b1": a, "W2": 1 / a}
    params = {key: p * factors.get(key, 1.0) for key, p in problem.params.items()}

    (loss, grads), (loss_r, grads_r) = call(problem), call(replace(problem, params=params))

    assert loss == loss_r
    for key, g in grads.items():
        lost = np.abs(g - grads_r[key] * factors.get(key, 1.0))
        assert np.all(lost <= 64 * np.finfo(float).smallest_subnormal), key  # the digits that subnormal numbers lack


@pytest.mark.parametrize("name", ["softmax_classifier", "two_layer", "three_layer"])
@given(data=st.data())
def test_is_the_multilayer_perceptron_of_its_depth(name, data):
    problem = data.draw(network_problems(name))

    loss, grads = call(problem)
    mlp_loss, mlp_grads = mlp.loss_and_grad(problem.params, problem.X, problem.y, problem.reg)

    assert abs(loss - mlp_loss) <= len(grads) * np.finfo(problem.dtype).eps * loss  # the penalties are added in turn
    assert list(grads) == list(mlp_grads)
    assert all(np.array_equal(g, mlp_grads[key]) for key, g in grads.items())


@each_network
@given(data=st.data())
def test_input_gradient_is_returned_on_request_only(name, data):
    problem = data.draw(network_problems(name))
    assume(problem.X.dtype.kind == "f")
    network, arguments = NETWORKS[name], (problem.params, problem.X, problem.y, problem.reg)

    _, grads = network.loss_and_grad(*arguments, **problem.kwargs)
    _, more = network.loss_and_grad(*arguments, **problem.kwargs, input_grad=True)

    assert "X" not in grads
    assert more["X"].dtype == problem.X.dtype
    assert tree_leaves(more).keys() == {*tree_leaves(grads), "X"}
    assert all(np.array_equal(g, tree_leaves(more)[key]) for key, g in tree_leaves(grads).items())


@each_perceptron
@given(data=st.data())
def test_integers_have_no_input_gradient(name, data):
    problem = data.draw(network_problems(name))
    X = problem.X.astype(int)

    assert "X" not in call(replace(problem, X=X))[1]
    with pytest.raises(TypeError, match="argument must be a real floating array, got dtype int64"):
        NETWORKS[name].loss_and_grad(problem.params, X, problem.y, problem.reg, **problem.kwargs, input_grad=True)


@functools.cache
def jax_sgd_step(name, kwargs):
    def step(params, X, y, reg, learning_rate):
        grads = jax.grad(functools.partial(reference.NETWORKS[name].loss, **dict(kwargs)))(params, X, y, reg)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, grads)

    return jax.jit(step)


@each_perceptron
@pytest.mark.parametrize("seed", range(3))
def test_steps_of_gradient_descent_end_where_jax_ends(name, seed):
    rng = np.random.default_rng(seed)
    depth = getattr(NETWORKS[name], "DEPTH", 3)
    kwargs = {"activation": ("tanh", "gelu")} if name == "mlp" else {}
    params = init_params([6, *[8] * (depth - 1), 4], rng=rng)
    X, y = rng.standard_normal((16, 6)), rng.integers(0, 4, 16)
    step = jax_sgd_step(name, tuple(kwargs.items()))

    def descend_by_jax(params):
        for _ in range(50):
            params = step(params, X, y, 1e-2, 0.1)
        return params

    ours = params
    for _ in range(50):
        _, grads = NETWORKS[name].loss_and_grad(ours, X, y, 1e-2, **kwargs)
        ours = {key: p - 0.1 * grads[key] for key, p in ours.items()}

    # how far the ends of JAX's own descents spread when the start differs by an ulp
    theirs = descend_by_jax(params)
    nudged = [
        descend_by_jax({k: p * (1 + EPS * rng.choice([-1, 1], p.shape)) + EPS * (p == 0) for k, p in params.items()})
        for _ in range(DRAWS)
    ]
    for key, p in ours.items():
        spread = np.max([np.abs(n[key] - theirs[key]) for n in nudged])
        assert np.max(np.abs(p - theirs[key])) <= FACTOR * spread, key


@each_perceptron
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_lines_run_under_jax_jit(name, dtype):
    network, eps = NETWORKS[name], np.finfo(dtype).eps
    params, X, y = small_problem(name, dtype)
    reg = 0.1
    traced = jax.tree.map(jax.numpy.asarray, (params, X, y, reg))  # X and reg in float64

    loss, grads = network.loss_and_grad(params, X, y, reg)
    loss_jit, grads_jit = jax.jit(network.loss_and_grad)(*traced)
    loss_alone = jax.jit(network.loss)(*traced)

    assert loss_jit.dtype == loss_alone.dtype == dtype
    np.testing.assert_allclose([loss_jit, loss_alone], loss, rtol=64 * eps)
    for key, g in grads.items():
        assert grads_jit[key].dtype == dtype
        np.testing.assert_allclose(grads_jit[key], g, rtol=4096 * eps, atol=16 * eps)


@each_perceptron
def test_defaults_are_no_penalty_and_rectified_units(name):
    params, X, y = small_problem(name)
    network, spelled_out = NETWORKS[name], {"activation": "relu"} if name == "mlp" else {}

    loss, grads = network.loss_and_grad(params, X, y)

    expected, expected_grads = network.loss_and_grad(params, X, y, 0.0, **spelled_out)
    assert loss == network.loss(params, X, y) == network.loss(params, X, y, 0.0, **spelled_out) == expected
    assert all(np.array_equal(g, expected_grads[key]) for key, g in grads.items())
    assert np.array_equal(network.scores(params, X), network.scores(params, X, **spelled_out))
    assert np.array_equal(network.predict(params, X), network.predict(params, X, **spelled_out))


@each_perceptron
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("function", ["loss", "loss_and_grad"])
@pytest.mark.parametrize("culprit", ["W1[0, 3] = -inf", "X[0, 0] = inf"])
def test_an_infinity_that_the_rectifier_hides_is_still_named(name, function, culprit):
    params, X, y = small_problem(name)
    params["W1"][0] = -1.0
    X = np.abs(X)
    if culprit.startswith("W1"):
        params["W1"][0, 3] = -np.inf
    else:
        X[0, 0] = np.inf

    with pytest.raises(NonFiniteError, match=re.escape(f"must be finite, got {culprit}")):
        getattr(NETWORKS[name], function)(params, X, y, 0.1)


@each_perceptron
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("function", ["loss", "loss_and_grad"])
def test_an_overflow_of_the_penalty_is_reported(name, function):
    params, X, y = small_problem(name)
    params["W1"][:] = 1e200

    with pytest.raises(NonFiniteError, match="the loss is inf though all inputs are finite: it overflows float64"):
        getattr(NETWORKS[name], function)(params, 0 * X, y, 1.0)
