"""The public checks: correct gradients pass, mistakes are named, and arguments that make no sense are refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import oracle
from handgrad import NETWORKS, RULES, mlp, three_layer, two_layer
from handgrad.rules import PRIMITIVES
from oracle import reference
from tests.tools.network_derivatives import PERCEPTRONS

right = two_layer.loss_and_grad
ACTIVATIONS = ("tanh", "relu")


def of_mlp(params, X, y, reg):
    return mlp.loss_and_grad(params, X, y, reg, activation=ACTIVATIONS)


def changed(**by):
    """Return the right answer with some of it changed: by(loss or gradient, params, X, y, reg)."""

    def candidate(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        answer = {"loss": loss, **grads}
        for name, change in by.items():
            answer[name] = change(answer[name], params, X, y, reg)
        return answer.pop("loss"), answer

    return candidate


def under(conventions):
    """Return the loss and gradient as they are under other conventions, written from handgrad's."""

    def candidate(params, X, y, reg):
        loss, grads = right(params, X, y, 0.0)
        weight = 1 if conventions.mean else len(X)
        strength = reg if conventions.half else 2 * reg
        penalised = [name for name in params if conventions.biases or name.startswith("W")]
        loss = weight * loss + strength * sum(np.sum(params[name] ** 2) for name in penalised) / 2
        grads = {name: weight * g for name, g in grads.items()}
        for name in penalised:
            grads[name] = grads[name] + params[name].dtype.type(strength) * params[name]
        return loss, grads

    return candidate


CONVENTIONS = [oracle.Conventions(m, h, b) for m in (True, False) for h in (True, False) for b in (True, False)]


@pytest.mark.parametrize("name", [name for name in PERCEPTRONS if name != "mlp"])
def test_every_network_of_handgrad_is_right(name):
    verdict = oracle.check(NETWORKS[name].loss_and_grad, name, seed=None)

    assert verdict.ok, str(verdict)
    assert verdict.power.share > 0.8


def test_an_mlp_is_checked_with_its_activations():
    assert oracle.check(of_mlp, "mlp", activation=ACTIVATIONS, examples=40).ok


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_other_conventions_are_no_mistakes(conventions):
    verdict = oracle.check(under(conventions), "two_layer", conventions=conventions, seed=None, examples=60)

    assert verdict.ok, str(verdict)


def test_a_convention_that_was_not_declared_is_named():
    assert oracle.check(under(oracle.Conventions(half=False)), "two_layer").causes == ("l2-doubled",)
    assert oracle.check(under(oracle.Conventions(mean=False)), "two_layer").causes == ("mean-missing",)
    biases = oracle.check(under(oracle.Conventions(biases=True)), "two_layer")
    assert biases.causes == ("l2-on-bias",)


def test_a_mean_where_a_sum_was_declared_is_no_missing_mean():
    verdict = oracle.check(right, "two_layer", conventions=oracle.Conventions(mean=False))

    assert verdict.causes == ("wrong-divisor",)


def test_another_activation_is_named_with_the_network_that_it_makes():
    verdict = oracle.check(lambda *arguments: mlp.loss_and_grad(*arguments, activation=("sigmoid",)), "two_layer")

    assert verdict.causes == ("activation-wrong",)
    assert verdict.explanations[0].algebra == "h = sigmoid(z)"


def test_two_mistakes_at_once_are_both_named():
    verdict = oracle.check(
        changed(
            b1=lambda g, params, X, y, reg: g / len(X),
            W2=lambda g, params, X, y, reg: g + reg * params["W2"],
        ),
        "two_layer",
    )

    assert set(verdict.causes) == {"bias-averaged", "l2-doubled"}


def test_a_mistake_is_found_in_each_layer_of_a_deep_network():
    def no_mask(params, X, y, reg):
        loss, grads = three_layer.loss_and_grad(params, X, y, reg)
        z1 = X @ params["W1"] + params["b1"]
        z2 = np.maximum(z1, 0) @ params["W2"] + params["b2"]
        s = np.maximum(z2, 0) @ params["W3"] + params["b3"]
        p = np.exp(s - s.max(1, keepdims=True))
        ds = (p / p.sum(1, keepdims=True) - np.eye(s.shape[1], dtype=s.dtype)[y]) / s.dtype.type(len(X))
        dz1 = (ds @ params["W3"].T * (z2 > 0)) @ params["W2"].T
        reg = params["W1"].dtype.type(reg)
        return loss, {**grads, "W1": X.T @ dz1 + reg * params["W1"], "b1": dz1.sum(0)}

    verdict = oracle.check(no_mask, "three_layer")

    assert verdict.causes == ("mask-missing",)
    assert verdict.explanations[0].arrays == ("W1", "b1")


def test_a_rule_by_name_is_a_truth():
    assert oracle.check(RULES["tanh"], "tanh", examples=30).ok


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_is_right_and_its_mistakes_are_named(name):
    def negated(*args, **kwargs):
        value, backward = RULES[name](*args, **kwargs)
        return value, lambda dz: tuple(-d for d in backward(dz))

    def without_the_cotangent(*args, **kwargs):
        value, backward = RULES[name](*args, **kwargs)
        return value, lambda dz: backward(np.ones_like(dz))

    assert oracle.check_rule(RULES[name], name, examples=20).ok
    assert oracle.check_rule(negated, name, examples=40).causes == ("sign-flipped",)
    assert oracle.check_rule(without_the_cotangent, name, examples=40).causes == ("upstream-missing",)


def test_broadcasting_that_is_not_undone_is_named():
    verdict = oracle.check_rule(lambda x, y: (x * y, lambda dz: (dz * y, dz * x)), "multiply")

    assert verdict.causes == ("shape-wrong",)


def own_loss(params, X, y, reg):
    return reference.NETWORKS["two_layer"].loss(params, X, y, reg)


def test_a_loss_of_your_own_in_jax_is_a_truth():
    few = oracle.problems("two_layer", dtype=np.float64).filter(lambda p: p.X.shape == p.params["W1"].shape == (2, 2))

    assert oracle.check(right, own_loss, problems=few, examples=10).ok
    verdict = oracle.check(changed(W2=lambda g, *_: -g), own_loss, problems=few, examples=20)
    assert verdict.causes == ("sign-flipped",)


@given(oracle.problems("two_layer", dtype=np.float32))
def test_the_strategy_gives_what_a_network_takes(problem):
    assert two_layer.loss(problem.params, problem.X, problem.y, problem.reg) >= 0
    assert problem.params["W1"].dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((right, "two_layers"), {}, ValueError, "truth must be one of .*two_layer, .*, got 'two_layers'"),
        ((right, 3), {}, TypeError, "truth must be the name of a network or a function, got int"),
        ((3, "two_layer"), {}, TypeError, "candidate must be callable, got int"),
        ((right, "mlp"), {}, ValueError, "activation must name each hidden layer of an mlp"),
        ((right, "two_layer"), {"examples": 0}, ValueError, "examples must be 1 or more, got 0"),
        ((right, "two_layer"), {"dtypes": [np.int64]}, ValueError, "dtypes must be float32, float64 or both, got"),
        ((right, "relu"), {"conventions": oracle.Conventions()}, ValueError, "must be left out for a rule, got 'relu'"),
        ((right, "relu"), {"examples": 0}, ValueError, "examples must be 1 or more, got 0"),
        (
            (right, own_loss),
            {"conventions": oracle.Conventions()},
            ValueError,
            "left out for a loss of your own",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        oracle.check(*arguments, **options)


def test_a_rule_needs_a_name_or_examples():
    with pytest.raises(ValueError, match=r"truth must be one of .*affine, .*, got 'rely'"):
        oracle.check_rule(right, "rely")
    with pytest.raises(ValueError, match="arguments must have examples for a function of your own"):
        oracle.check_rule(right, jnp.tanh)
    with pytest.raises(ValueError, match="network must be one of"):
        oracle.problems("two_layers")
