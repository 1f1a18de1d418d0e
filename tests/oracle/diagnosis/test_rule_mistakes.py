"""Tests for oracle.diagnosis.rule_mistakes."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import handgrad
from oracle.diagnosis.rule_mistakes import explain_arrays
from oracle.rounding.bounds import Comparison
from oracle.strategies.rules import RuleProblem

rng = np.random.default_rng(0)


def problems(name, truth=None):
    """Yield three problems of a rule, of different sizes."""
    for N, H in ((3, 2), (4, 4), (5, 3)):
        z, dz = rng.standard_normal((N, H)), rng.standard_normal((N, H))
        if name == "affine":
            yield RuleProblem(
                name, (rng.standard_normal((N, 4)), rng.standard_normal((4, H)), rng.standard_normal(H)), {}, dz
            )
        elif name == "softmax_cross_entropy":
            yield RuleProblem(name, (z,), {"labels": rng.integers(0, H, N)}, rng.standard_normal())
        elif name == "l2":
            yield RuleProblem(name, (z,), {"reg": 0.7}, rng.standard_normal())
        else:
            yield RuleProblem(name, (z,), {}, dz, truth)


def evaluated(problem, name, wrong):
    """Return what a check knows of a problem in which the cotangent ``name`` comes out as ``wrong`` says."""
    args = [np.asarray(a) for a in problem.args]
    _, backward = handgrad.RULES[problem.name](*args, **problem.kwargs)
    right = dict(zip((f"d{a}" for a in problem.argument_names), backward(problem.cotangent)))
    given = {**right, name: wrong(right[name], problem)}
    return SimpleNamespace(
        problem=problem,
        answer=SimpleNamespace(arrays=given),
        expected=right,
        bound={n: 1e-14 * np.ones_like(a) for n, a in right.items()},
        wrong=[Comparison(name, (0, 0), 1.0, 2.0, 1e-14)],
    )


def softmax(s):
    e = np.exp(s - s.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def slope(p):
    return handgrad.RULES[p.name](p.args[0])[1](np.ones_like(p.args[0]))[0]


@pytest.mark.parametrize(
    ("rule", "name", "wrong", "cause"),
    [
        ("tanh", "dz", lambda g, p: -g, "sign-flipped"),
        ("tanh", "dz", lambda g, p: 0 * g, "gradient-missing"),
        ("tanh", "dz", lambda g, p: g / len(g), "mean-twice"),
        ("tanh", "dz", lambda g, p: slope(p), "upstream-missing"),
        ("tanh", "dz", lambda g, p: p.cotangent, "mask-missing"),
        ("relu", "dz", lambda g, p: p.cotangent * (p.cotangent > 0), "mask-on-wrong-tensor"),
        ("sigmoid", "dz", lambda g, p: g * slope(p), "activation-derivative-extra"),
        ("affine", "db", lambda g, p: np.full_like(g, p.cotangent.sum()), "bias-axis"),
        ("affine", "dW", lambda g, p: p.args[0][::-1].T @ p.cotangent, "wrong-cached-tensor"),
        ("affine", "dW", lambda g, p: p.args[0].T @ (p.args[0] @ p.args[1] + p.args[2]), "wrong-cached-tensor"),
        ("softmax_cross_entropy", "dscores", lambda g, p: softmax(p.args[0]) / len(g) * p.cotangent, "one-hot-missing"),
        ("softmax_cross_entropy", "dscores", lambda g, p: g / p.cotangent, "upstream-missing"),
        ("l2", "dW", lambda g, p: 0.7 * g, "l2-strength-wrong"),
        ("l2", "dW", lambda g, p: g / p.cotangent, "upstream-missing"),
        ("exp", "dx", lambda g, p: slope(p), "upstream-missing"),
    ],
)
def test_cause_of_a_wrong_cotangent_is_named_alone(rule, name, wrong, cause):
    (explanation,) = explain_arrays([evaluated(p, name, wrong) for p in problems(rule)])

    assert (explanation.cause, explanation.arrays, explanation.probes) == (cause, (name,), 3)
    assert not explanation.alternatives


def test_cotangent_of_somebodys_own_function_may_be_the_upstream_alone():
    (explanation,) = explain_arrays([evaluated(p, "dx0", lambda g, p: p.cotangent) for p in problems("exp", jnp.exp)])

    assert (explanation.cause, explanation.algebra) == ("upstream-missing", "the cotangent alone")


def test_what_no_mistake_gives_is_not_explained():
    assert explain_arrays([evaluated(p, "dz", lambda g, p: g + 0.1) for p in problems("tanh")]) == []


def test_penalty_of_strength_zero_is_no_obstacle():
    without = [replace(p, kwargs={"reg": 0.0}) for p in problems("l2")]

    assert explain_arrays([evaluated(p, "dW", lambda g, p: g + 0.1) for p in without]) == []


def test_one_problem_is_too_few():
    assert explain_arrays([evaluated(next(problems("tanh")), "dz", lambda g, p: -g)]) == []
