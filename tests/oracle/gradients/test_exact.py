"""The exact derivatives against exact difference quotients: no formula is taken on trust."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mpf

from handgrad import NETWORKS, RULES
from handgrad.rules import PRIMITIVES
from oracle import reference
from oracle.gradients import autodiff, exact, loops
from oracle.reference.annotations import param_specs
from oracle.reference.exact_forms import elementwise, numbers
from oracle.reference.recording import Step, exact_form_of
from oracle.strategies.conventions import Conventions
from oracle.strategies.expressions import ExpressionProblem
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.rules import rule_problems

CONVENTIONS = [Conventions(m, h, b) for m in (True, False) for h in (True, False) for b in (True, False)]
KINKS = {"relu": [0], "leaky_relu": [0], "elu": [0], "selu": [0], "hard_tanh": [-1, 1]}


FORMS = {name: exact_form_of(rule) for name, rule in reference.RULES.items()}
ACTIVATIONS = [name for name in FORMS if isinstance(FORMS[name], elementwise) and name not in PRIMITIVES]


def test_every_rule_has_an_exact_form():
    assert set(FORMS) == set(RULES)


@pytest.mark.parametrize("name", ACTIVATIONS)
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

    with mpmath.workdps(exact.DIGITS):
        sides = [slope(kink - mpf(10) ** -50), slope(kink + mpf(10) ** -50)]
        assert min(abs(slope(mpf(kink)) - side) for side in sides) < mpf(10) ** -40


@settings(max_examples=30)
@given(data=st.data())
@pytest.mark.parametrize("name", ["affine", "softmax_cross_entropy", "l2", *PRIMITIVES])
def test_cotangents_are_limits_of_difference_quotients(name, data):
    problem = data.draw(rule_problems(name, np.float64))
    if name in ("max", "absolute"):  # between the sides of other kinks lies the convention
        entries = np.abs(problem.args[0])
        assume(np.unique(entries).size == entries.size and entries.all())
    # along all entries of all arguments at once: a wrong one is hidden by another in one of some thousand directions
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    directions = [rng.integers(1, 10**4, a.shape) * rng.choice((-1, 1), a.shape) for a in problem.args]
    cotangents = list(exact.answers(problem).values())[1:]

    with mpmath.workdps(200):
        step = mpf(10) ** -60
        u, *args = map(numbers, (problem.cotangent, *problem.args))
        directions = [numbers(v) for v in directions]

        def objective(sign):
            moved = [np.asarray(a + sign * step * v, object) for a, v in zip(args, directions)]
            return np.sum(np.asarray(u * FORMS[name](*moved, **problem.kwargs)[0], object))

        quotient = (objective(1) - objective(-1)) / (2 * step)
        terms = [term for c, v in zip(cotangents, directions) for term in np.ravel(c * v)]
        assert abs(quotient - sum(terms)) <= mpf(10) ** -50 * (1 + sum(map(abs, terms)))


@settings(max_examples=30)
@given(problem=network_problems("two_layer", np.float64))
def test_network_agrees_with_the_loops(problem):
    loss, grads = loops.loss_and_grad(problem.params, problem.X, problem.y, problem.reg)
    truth = exact.answers(problem)

    from oracle.gradients import autodiff

    bound = autodiff.answers(problem).bound
    for name, given_ in {"loss": loss, **grads}.items():
        assert np.all(exact.error(given_, truth[name]) <= bound[name]), name


@pytest.mark.parametrize("name", NETWORKS)
def test_network_gradient_is_the_limit_of_the_difference_quotient(name):
    rng = np.random.default_rng(0)
    kwargs = {"activation": ("mish", "gelu")} if name == "mlp" else {}
    specs = param_specs(reference.NETWORKS[name].loss, **kwargs)
    params = {key: rng.standard_normal(spec.shape(dict.fromkeys(spec.dims, 2))) for key, spec in specs.items()}
    X, y = rng.standard_normal((2, 2)), np.array([0, 1])
    h = 1e-6

    def answers(params):
        return exact.answers(NetworkProblem(name, params, X, y, 0.3, kwargs))

    truth = answers(params)
    for key, p in params.items():
        for index in np.ndindex(p.shape):
            sides = []
            for moved in (p[index] + h, p[index] - h):
                a = p.copy()
                a[index] = moved
                sides.append((answers({**params, key: a})["loss"][()], moved))
            (up, at_up), (down, at_down) = sides
            quotient = (up - down) / (mpf(at_up) - mpf(at_down))
            # the quotient of a smooth function is off by h² times a third derivative
            assert abs(quotient - truth[key][index]) < 100 * h**2, (key, index)


@pytest.mark.parametrize("x", [3.0, 4.0, 5.0])
def test_second_derivative_that_is_zero_is_below_every_float(x):
    # 1 + g − g is added up for the first leaf, and rounded; how g changes with the second cancels all the same
    steps = [("subtract", 0, 0), ("add", 1, 2), ("tanh", 3), ("add", 0, 4)]
    problem = ExpressionProblem(
        (np.array(1.0), np.array(x)),
        tuple(Step(rule, tuple(operands), {}) for rule, *operands in steps),
        direction=(np.array(0.0), np.array(1.0)),
    )

    truth = exact.answers(problem)

    assert float(truth["dx0"]) == 0
    slope = -2 * mpmath.tanh(x) * mpmath.sech(x) ** 2
    assert float(truth["dx1"]) == pytest.approx(float(slope), rel=1e-14)


@pytest.mark.parametrize(("z", "on_the_kink"), [(-740.0, False), (-750.0, True), (-1e5, True)])
def test_unit_that_is_0_in_float64_puts_the_next_on_the_kink(z, on_the_kink):
    params = {"W1": np.array([[-z]]), "W2": np.array([[-2.0]]), "W3": np.array([[1.0, -1.0]])}
    params |= {"b1": np.zeros(1), "b2": np.zeros(1), "b3": np.zeros(2)}
    activation = ("sigmoid", "leaky_relu")
    problem = NetworkProblem("mlp", params, -np.ones((1, 1)), np.array([0]), 0.0, {"activation": activation})

    truth = exact.answers(problem)

    assert truth["b2"][0] == truth["b3"] @ params["W3"][0] * (1 if on_the_kink else mpf(0.01))
    assert np.all(exact.error(problem.answers()["b2"], truth["b2"]) < 1e-15)


def test_error_of_what_is_not_finite_is_infinite():
    truth = np.array([mpf(1), mpf(1)], object)

    assert exact.error(np.array([np.nan, 1.0]), truth).tolist() == [np.inf, 0.0]


@settings(max_examples=5)
@given(problem=network_problems("two_layer", np.float64))
@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_other_conventions_mean_the_same_to_jax(conventions, problem):
    problem = replace(problem, conventions=conventions)

    by_jax, truth = autodiff.answers(problem), exact.answers(problem)

    for name, bound in by_jax.bound.items():
        assert np.all(np.abs(by_jax.expected[name] - np.asarray(truth[name], float)) <= bound), name
