"""Planted errors are found, named and shrunk; correct answers pass, even where JAX is inaccurate."""

# ruff: noqa: E501 (a table reads best a row a line)

import inspect
import re
import sys
import types

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, find, settings

import handgrad
from handgrad.networks.perceptrons import three_layer, two_layer
from handgrad.rules import activations, losses, penalties
from oracle.checks.evaluation import evaluate
from oracle.checks.search import search, training_run
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.rules import RuleProblem

affine = sys.modules["handgrad.rules.affine"]  # handgrad.rules.affine is the rule itself

# a file, what stands in it, what is put in its place, and what the oracle must name
PLANTED = {
    "mask at zero": (two_layer, "in_place.where(h > 0, dh)", "in_place.where(h >= 0, dh)", "1[db]|X"),
    "mask missing": (two_layer, "in_place.where(h > 0, dh)", "+dh", "[Wb]1|X"),
    "penalty missing": (two_layer, "in_place.axpy(h.T @ ds, reg, W2)", "h.T @ ds", "W2"),
    "penalty doubled": (two_layer, "in_place.axpy(X.T @ dz1, reg, W1)", "in_place.axpy(X.T @ dz1, 2 * reg, W1)", "W1"),
    "bias averaged": (two_layer, "db1 = xp.sum(", "db1 = xp.mean(", "b1"),
    "transpose missing": (three_layer, "dh1 = dz2 @ W2.T", "dh1 = dz2 @ (W2 if W2.shape[0] == W2.shape[1] else W2.T)", "[Wb]1|X"),
    "loss not the gradient's": (three_layer, "l2_value(W3, reg)\n    check", "l2_value(W2, reg)\n    check", "loss"),
    "float64 returned": (two_layer, 'grads = {"W1": dW1', 'grads = {"W1": dW1.astype("float64")', "W1 has dtype float64, expected float32"),
    "accumulated": (two_layer, 'grads = {"W1": dW1', 'CACHE.append(1); dW1 = dW1 + len(CACHE)\n    grads = {"W1": dW1', "W1 differs from call to call"),
    "argument written to": (two_layer, "db2 = xp.sum(ds, axis=0)", "db2 = xp.sum(ds, axis=0); params['W2'][...] = dW2", "W2 was written to|read-only"),
    "mean missing": (losses, "dL / N / (rest", "dL / (rest", "dscores"),
    "one-hot missing": (losses, "xp.where(is_label, -rest, e)", "e", "dscores"),
    "slope lost": (activations, "xp.where(z >= 0, dh, negative_slope * dh)", "xp.where(z >= 0, dh, dh)", "dz"),
    "sigma of the value": (activations, "return (dh * (p * (1 + z * q)),)", "return (dh * (p * (1 + z * p)),)", "dz"),
    "constant with three digits": (activations, "0.044715 * w * w * w", "0.045 * w * w * w", "value"),
    "bias broadcast": (affine, "xp.sum(dz, axis=0)", "xp.sum(dz) + 0 * xp.sum(dz, axis=0)", "db"),
    "penalty without the half": (penalties, "reg / 2 * xp.sum", "reg * xp.sum", "value"),
}  # fmt: skip


def plant(monkeypatch, module, right, wrong):
    """Put a copy of the module with an error in it in the module's place, and return the name that is checked."""
    source = inspect.getsource(module)
    assert source.count(right) >= 1
    before, _, after = source.rpartition(right)
    planted = types.ModuleType(module.__name__)
    planted.__dict__["CACHE"] = []
    exec(compile(before + wrong + after, "planted", "exec"), planted.__dict__)
    if module in handgrad.NETWORKS.values():
        name = module.__name__.rpartition(".")[2]
        monkeypatch.setitem(handgrad.NETWORKS, name, planted)
        return name
    line = before.rpartition("\ndef ")[2]
    name = line.partition("(")[0]
    name = {"unchecked_softmax_cross_entropy": "softmax_cross_entropy", "l2_value": "l2"}.get(name, name)
    monkeypatch.setitem(handgrad.RULES, name, getattr(planted, name))
    return name


def run(name, problems=300):
    seen = []
    search(name, problems=problems, seed=0, found=lambda problem, evaluation: seen.append((problem, evaluation)))
    return seen


@pytest.mark.parametrize("what", PLANTED)
def test_planted_error_is_found_named_and_shrunk(monkeypatch, what):
    module, right, wrong, failure = PLANTED[what]
    name = plant(monkeypatch, module, right, wrong)

    problem, evaluation = run(name)[-1]

    assert evaluation.failures
    assert any(re.search(failure, f) for f in evaluation.failures), evaluation.failures
    sizes = problem.X.shape if name in handgrad.NETWORKS else problem.args[0].shape
    assert max(sizes) <= 3


@pytest.mark.parametrize("what", ["mask missing", "mean missing", "slope lost", "penalty without the half"])
def test_snippet_reproduces_the_failure(monkeypatch, what):
    module, right, wrong, _ = PLANTED[what]
    name = plant(monkeypatch, module, right, wrong)
    problem, evaluation = run(name)[-1]
    everything = {**handgrad.RULES, **handgrad.NETWORKS}
    monkeypatch.setattr(handgrad.rules if name in handgrad.RULES else handgrad.networks, name, everything[name])

    variables = {}
    exec(problem.source(), variables)

    shown = next(c for c in evaluation.comparisons if not c.agrees)
    everything = {"loss": variables.get("loss"), **variables.get("grads", {}), **variables}
    assert everything[shown.name][shown.index] == shown.given


def test_a_rule_that_raises_is_a_failure_and_not_a_crash(monkeypatch):
    def broken(z):
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(handgrad.RULES, "relu", broken)

    _, evaluation = run("relu", 5)[-1]

    assert evaluation.failures == ("ZeroDivisionError: oh",)


def wrong_where(change):
    """Return answers that are doubled for the problems that ``change`` is true of."""

    def answer(problem):
        right = problem.answers()
        return {name: a * 2 for name, a in right.items()} if change(problem) else right

    return answer


@pytest.mark.parametrize(
    ("feature", "only", "trigger"),
    [
        ("layouts", lambda p: not p.params["W1"].flags.c_contiguous, "an array is not C-contiguous"),
        ("read-only", lambda p: not p.X.flags.writeable, "an array is read-only"),
        ("integer X", lambda p: p.X.dtype.kind == "i", "X is an integer array"),
        ("label dtypes", lambda p: p.y.dtype == np.uint8, "the labels are not int64"),
    ],
)
def test_a_failure_for_some_arrays_alone_names_their_kind(feature, only, trigger):
    problem = find(
        network_problems("two_layer"),
        # doubling shows only in a gradient that is not zero, as that of a single class is
        lambda p: feature in p.features and only(p) and np.any(p.answers()["W2"]),
        settings=settings(max_examples=5000, database=None, phases=[Phase.generate]),
    )

    evaluation = evaluate(problem, wrong_where(only))

    assert f"wrong only where {trigger}" in evaluation.failures


def test_where_jax_is_inaccurate_exact_arithmetic_decides(monkeypatch):
    from oracle.gradients import autodiff

    problem = next(iter(training_run(steps=1, batch_size=2, hidden=3)))
    by_jax = autodiff.answers(problem)
    wrong = {name: a + 1 for name, a in by_jax.expected.items()}
    monkeypatch.setattr(autodiff, "answers", lambda *_, **__: autodiff.Reference(wrong, by_jax.bound))

    evaluation = evaluate(problem)

    assert evaluation.jax_inaccurate
    assert not evaluation.failures


def test_values_of_jaxs_own_functions_are_right():
    # XLA's log1p is up to 129 units off here, on a CPU, in jaxlib 0.10.2
    x = np.linspace(-0.414, -0.36, 12).reshape(3, 4)
    problem = RuleProblem("log1p", (x,), {}, np.ones_like(x))

    def on_jaxs_arrays(problem):
        value, backward = handgrad.rules.log1p(jnp.asarray(problem.args[0]))
        return {"value": np.array(value), "dx": np.array(backward(jnp.asarray(problem.cotangent))[0])}

    assert not evaluate(problem, on_jaxs_arrays).failures
    assert not evaluate(problem).failures


def test_scores_that_nearly_cancel_may_be_rounded_apart():
    # the one false positive in a million problems when every operation was perturbed by exactly one unit: both scores of
    # the second example are -230, their roundings add up, and in each draw those of their weights went the same way
    params = {
        "W1": np.array([[7.495868682861328, 5.8917694091796875], [6.007619380950928, -1.7666529417037964]], np.float32),
        "b1": np.zeros(2, np.float32),
        "W2": np.array([[3.1241791248321533, -5.505035877227783], [-17.96438217163086, 3.197660446166992]], np.float32),
        "b2": np.zeros(2, np.float32),
        "W3": np.array(
            [[19.087661743164062, -12.671408653259277], [-17.067697525024414, -17.040315628051758]], np.float32
        ),
        "b3": np.zeros(2, np.float32),
    }
    X = np.array([[-0.674911618232727, 1.3216054439544678], [-0.09085781127214432, -0.2965138554573059]], np.float32)
    problem = NetworkProblem("mlp", params, X, np.array([0, 1]), 0.0, {"activation": ("identity", "relu")})

    evaluation = evaluate(problem)

    assert not evaluation.failures
    assert not evaluation.jax_inaccurate
