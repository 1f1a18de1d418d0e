"""Bad input: each kind gets an error that says what was given and what was expected, from every function."""

# ruff: noqa: E501 (a table reads best a row a line)

import re

import jax
import numpy as np
import pytest

from handgrad import NETWORKS, NonFiniteError, TwoLayerNet, init_params, mlp, two_layer
from handgrad.validation import check_count
from tests.tools.network_derivatives import PERCEPTRONS


def problem():
    rng = np.random.default_rng(0)
    return init_params([4, 10, 3], rng=rng), rng.standard_normal((5, 4)), np.array([0, 1, 2, 2, 1]), 0.1


def with_param(name, value):
    return lambda params, X, y, reg: ({**params, name: value}, X, y, reg)


def with_param_of_jax(name):
    # made when it is asked for: JAX starts threads with its first array, and they do not survive mutmut's fork
    return lambda params, X, y, reg: ({**params, name: jax.numpy.asarray(params[name])}, X, y, reg)


def without(name):
    return lambda params, X, y, reg: ({k: v for k, v in params.items() if k != name}, X, y, reg)


def with_X(f):
    return lambda params, X, y, reg: (params, f(X), y, reg)


def with_y(value):
    return lambda params, X, y, reg: (params, X, value, reg)


def with_reg(value):
    return lambda params, X, y, reg: (params, X, y, value)


def at(index, value):
    def changed(X):
        X = X.copy()
        X[index] = value
        return X

    return changed


# what is wrong: how the problem is changed, the error, and what it must say
BAD = {
    "X with the wrong width": (with_X(lambda X: X[:, :3]), ValueError, "W1 must have shape (3, …) to follow X (5, 3), got (4, 10)"),
    "X of one dimension": (with_X(lambda X: X[0]), ValueError, "X must have 2 dimensions (N, D), got shape (4,)"),
    "X of three dimensions": (with_X(lambda X: X[None]), ValueError, "X must have 2 dimensions (N, D), got shape (1, 5, 4)"),
    "an empty batch": (lambda p, X, y, reg: (p, X[:0], y[:0], reg), ValueError, "X must have at least one example, got shape (0, 4)"),
    "W1 transposed": (lambda p, X, y, reg: ({**p, "W1": p["W1"].T}, X, y, reg), ValueError, "W1 must have shape (4, …) to follow X (5, 4), got (10, 4)"),
    "b1 with the wrong length": (with_param("b1", np.zeros(9)), ValueError, "b1 must have shape (10,) to go with W1 (4, 10), got (9,)"),
    "b1 as a row": (with_param("b1", np.zeros((1, 10))), ValueError, "b1 must have shape (10,) to go with W1 (4, 10), got (1, 10)"),
    "W2 with the wrong height": (with_param("W2", np.zeros((9, 3))), ValueError, "W2 must have shape (10, …) to follow W1 (4, 10), got (9, 3)"),
    "b2 with the wrong length": (with_param("b2", np.zeros(1)), ValueError, "b2 must have shape (3,) to go with W2 (10, 3), got (1,)"),
    "too few labels": (with_y(np.array([0, 1, 2])), ValueError, "y must have shape (5,), one label an example, got (3,)"),
    "one-hot labels": (with_y(np.eye(3, dtype=int)[[0, 1, 2, 2, 1]]), ValueError, "y must have shape (5,), one label an example, got (5, 3)"),
    "a label out of range": (with_y(np.array([0, 1, 2, 3, 1])), ValueError, "y must be in [0, 3), got 3"),
    "a negative label": (with_y(np.array([0, 1, -1, 2, 1])), ValueError, "y must be in [0, 3), got -1"),
    "boolean labels": (with_y(np.array([True, False, True, True, False])), TypeError, "y must be integers, got dtype bool"),
    "float labels": (with_y(np.array([0.0, 1.0, 2.0, 2.0, 1.0])), TypeError, "y must be integers, got dtype float64"),
    "labels in a list": (with_y([0, 1, 2, 2, 1]), TypeError, "y must be an array of integers, got list"),
    "NaN in X": (with_X(at((3, 2), np.nan)), NonFiniteError, "X must be finite, got X[3, 2] = nan"),
    "infinity in X": (with_X(at((0, 1), np.inf)), NonFiniteError, "X must be finite, got X[0, 1] = inf"),
    "minus infinity in X": (with_X(at((4, 0), -np.inf)), NonFiniteError, "X must be finite, got X[4, 0] = -inf"),
    "NaN in a weight": (with_param("W2", np.full((10, 3), np.nan)), NonFiniteError, "W2 must be finite, got W2[0, 0] = nan"),
    "infinity in a bias": (with_param("b2", np.array([0, np.inf, 0])), NonFiniteError, "b2 must be finite, got b2[1] = inf"),
    "weights that overflow": (with_param("W2", np.full((10, 3), 1e200)), NonFiniteError, "though all inputs are finite: it overflows float64"),
    "an unknown parameter": (with_param("W3", np.zeros((3, 3))), ValueError, "params must have the keys W1, b1, W2, b2, got W1, b1, W2, b2, W3"),
    "a missing parameter": (without("b2"), ValueError, "params must have the keys W1, b1, W2, b2, got W1, b1, W2"),
    "no parameter": (lambda p, X, y, reg: ({}, X, y, reg), ValueError, "got none"),
    "parameters in a list": (lambda p, X, y, reg: (list(p.values()), X, y, reg), TypeError, "params must be a dict"),
    "a parameter in a list": (with_param("b2", [0.0, 0.0, 0.0]), TypeError, "argument must be an array, got list"),
    "integer parameters": (with_param("b2", np.zeros(3, int)), TypeError, "argument must be a real floating array, got dtype int64"),
    "parameters of two dtypes": (with_param("b2", np.zeros(3, np.float32)), TypeError, "params must have one dtype, got W1 float64, b1 float64, W2 float64, b2 float32"),
    "X in a list": (with_X(np.ndarray.tolist), TypeError, "X must be an array, got list"),
    "complex X": (with_X(lambda X: X + 0j), TypeError, "X must be real, got dtype complex128"),
    "X of strings": (with_X(lambda X: X.astype(str)), TypeError, "X must be real, got dtype <U"),
    "X of another library": (with_X(jax.numpy.asarray), TypeError, "X must be an array of numpy, as the parameters are, got jax.numpy"),
    "parameters of two libraries": (with_param_of_jax("b2"), TypeError, "arguments must be arrays of one library, got jax.numpy and numpy"),
    "a negative reg": (with_reg(-0.1), ValueError, "reg must be finite and at least 0, got -0.1"),
    "an infinite reg": (with_reg(np.inf), ValueError, "reg must be finite and at least 0, got inf"),
    "a NaN reg": (with_reg(np.nan), ValueError, "reg must be finite and at least 0, got nan"),
    "a boolean reg": (with_reg(True), TypeError, "reg must be a real number, got bool"),
    "a reg for each weight": (with_reg(np.ones(2)), TypeError, "reg must be a real number, got ndarray"),
}  # fmt: skip
of_every_kind = pytest.mark.parametrize("what", BAD)
# NumPy says that something is not a number before we can say what and where
quietly = pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")


@quietly
@of_every_kind
@pytest.mark.parametrize("function", ["loss", "loss_and_grad"])
@pytest.mark.parametrize("network", [two_layer, mlp], ids=["two_layer", "mlp"])
def test_bad_input_is_refused_by_what_was_given_and_expected(what, function, network):
    change, error, message = BAD[what]
    if network is mlp and what == "an unknown parameter":
        message = "params must have the keys W1, b1, W2, b2, W3, b3, got"  # as deep as the keys say

    with pytest.raises(error, match=re.escape(message)):
        getattr(network, function)(*change(*problem()))


@quietly
@pytest.mark.parametrize(
    "what", [what for what in BAD if not any(word in what for word in ("label", "reg", "weights that overflow"))]
)
@pytest.mark.parametrize("function", ["scores", "predict"])
def test_scores_and_predictions_refuse_the_same(what, function):
    change, error, message = BAD[what]
    params, X, _, _ = change(*problem())

    with pytest.raises(error, match=re.escape(message)):
        getattr(two_layer, function)(params, X)


@quietly
@of_every_kind
def test_the_class_refuses_the_same(what):
    change, error, message = BAD[what]
    params, X, y, reg = change(*problem())
    net = TwoLayerNet(4, 10, 3)
    net.params = params

    with pytest.raises(error, match=re.escape(message)):
        net.loss(X, y, reg)


@quietly
@pytest.mark.parametrize("name", PERCEPTRONS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_activation_hides_an_entry_that_is_not_finite(name, activation, value):
    depth = {"softmax_classifier": 1, "two_layer": 2, "three_layer": 3, "mlp": 4}[name]
    kwargs = {"activation": activation} if name == "mlp" else {}
    params = init_params([4, *[6] * (depth - 1), 3], rng=np.random.default_rng(0))
    params["W1"] = np.abs(params["W1"]) * np.sign(-value)  # an infinity ends up on the side that a ReLU cuts off
    params["W1"][:, 0] = 0  # and where the weight is 0 it makes a NaN
    X = np.ones((5, 4))
    X[2, 3] = value

    for call in (
        lambda: NETWORKS[name].loss_and_grad(params, X, np.zeros(5, int), **kwargs),
        lambda: NETWORKS[name].loss(params, X, np.zeros(5, int), **kwargs),
        lambda: NETWORKS[name].predict(params, X, **kwargs),
    ):
        with pytest.raises(NonFiniteError, match=re.escape(f"got X[2, 3] = {value}")):
            call()


def test_an_unknown_activation_is_refused_with_the_known_ones():
    params, X, y, reg = problem()

    with pytest.raises(ValueError, match=r"activation must be a rule or one of identity, relu, .*, got 'rely'"):
        mlp.loss(params, X, y, reg, activation="rely")
    with pytest.raises(ValueError, match="activation must have 1 entries, one for each hidden layer, got 2"):
        mlp.loss(params, X, y, reg, activation=["relu", "tanh"])


def test_labels_are_checked_before_anything_is_computed():
    params, X, _, _ = problem()
    X[0, 0] = np.nan  # would be found if anything had been computed

    with pytest.raises(ValueError, match="y must be in"):
        two_layer.loss_and_grad(params, X, np.array([0, 1, 2, 3, 1]))


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "steps must be at least 1, got 0"),
        (2.0, TypeError, "steps must be an integer, got float"),
        (True, TypeError, "steps must be an integer, got bool"),
    ],
)
def test_a_count_is_an_integer_of_at_least_1(n, error, message):
    with pytest.raises(error, match=message):
        check_count("steps", n)
    assert type(check_count("steps", np.uint8(3))) is int
