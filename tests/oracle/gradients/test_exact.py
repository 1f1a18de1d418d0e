"""The exact gradients of networks and expressions beside difference quotients, plain loops and the edge of float64."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from mpmath import mpf

from handgrad import NETWORKS
from oracle import reference
from oracle.gradients import autodiff, exact, loops
from oracle.reference.annotations import param_specs
from oracle.reference.recording import Step
from oracle.strategies.expressions import ExpressionProblem
from oracle.strategies.networks import NetworkProblem, network_problems


@settings(max_examples=30)
@given(problem=network_problems("two_layer", np.float64))
def test_network_agrees_with_the_loops(problem):
    loss, grads = loops.loss_and_grad(problem.params, problem.X, problem.y, problem.reg)
    truth = exact.answers(problem)

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
