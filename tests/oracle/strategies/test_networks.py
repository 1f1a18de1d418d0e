"""Problems for networks: everything that a mistake may hide behind is drawn, shrinks, and has its code."""

from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from jax import Array

import handgrad
import oracle
from handgrad import two_layer
from oracle import reference
from oracle.checks.evaluation import evaluate
from oracle.measurements import golden_vectors
from oracle.measurements.accuracy import MAX_ULPS, SYSTEMS, measure
from oracle.reference.annotations import spec
from oracle.reference.rules.penalties import STRENGTHS
from oracle.rounding.bounds import Comparison
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.runner import collect

anything = settings(max_examples=5000, database=None)
unshrunk = settings(anything, phases=[Phase.generate])

# What is found and not made smaller is as large as problems come; Hypothesis would rather not print it.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

CASES = {
    "a single example": lambda p: len(p.X) == 1,
    "a single class": lambda p: p.params["b2"].size == 1,
    "a single hidden unit, several examples": lambda p: p.params["b1"].size == 1 < len(p.X),
    "all dimensions equal": lambda p: len({*p.X.shape, *p.params["W2"].shape}) == 1 < len(p.X),
    "all dimensions different": lambda p: len({*p.X.shape, *p.params["W2"].shape}) == 4,
    "more examples than a block of 32": lambda p: len(p.X) > 32,
    "more hidden units than a block of 8": lambda p: p.params["b1"].size > 8,
    "an odd number of examples": lambda p: len(p.X) % 2 == 1 < len(p.X),
    "no penalty": lambda p: p.reg == 0,
    "a tiny penalty": lambda p: 0 < p.reg < 1e-6,
    "a huge penalty": lambda p: p.reg > 100,
    "a class that no example has": lambda p: len(set(p.y.tolist())) < p.params["b2"].size,
    "one class only": lambda p: len(set(p.y.tolist())) == 1 < len(p.y),
    "unsigned labels": lambda p: p.y.dtype == np.uint8,
    "float32": lambda p: p.dtype == np.float32,
    "float64": lambda p: p.dtype == np.float64,
    "a pre-activation of exactly 0": lambda p: np.any(p.X @ p.params["W1"] + p.params["b1"] == 0),
    "a negative pre-activation": lambda p: np.any(p.X @ p.params["W1"] + p.params["b1"] < 0),
    "zero biases": lambda p: not np.any(p.params["b1"]) and not np.any(p.params["b2"]) and np.any(p.params["W1"]),
    "biases that are not zero": lambda p: np.all(p.params["b1"] != 0) and np.all(p.params["b2"] != 0),
    "equal scores": lambda p: (
        p.params["b2"].size > 1 and np.ptp(p.params["W2"][:, :2], axis=1).max() == np.ptp(p.params["b2"][:2]) == 0
    ),
    "scores of ten thousand": lambda p: np.abs(p.params["b2"]).max() > 9e3,
    "one row far larger": lambda p: np.abs(p.X).max() > 1e4,
    "read-only arrays": lambda p: not p.params["W1"].flags.writeable and not p.X.flags.writeable,
    "Fortran order": lambda p: p.X.flags.f_contiguous and not p.X.flags.c_contiguous,
    "strided arrays": lambda p: not p.X.flags.forc and min(p.X.strides) > 0,
    "reversed arrays": lambda p: p.X.strides[0] < 0,
    "integer data": lambda p: p.X.dtype.kind == "i",
    "small weights": lambda p: 0 < np.abs(p.params["W1"]).max() < 1e-2,
    "large weights": lambda p: np.abs(p.params["W1"]).max() > 1e3,
}


@pytest.mark.parametrize("case", CASES)
def test_case_is_drawn(case):
    find(network_problems("two_layer", large=True), CASES[case], settings=unshrunk)


@given(problem=network_problems("two_layer"))
def test_no_number_is_subnormal_or_infinite(problem):
    for a in (*problem.params.values(), problem.X):
        assert np.all(np.isfinite(a))
        if a.dtype.kind == "f":
            assert np.all((a == 0) | (np.abs(a) >= np.finfo(a.dtype).tiny))


def test_failing_problems_shrink_to_small_readable_ones():
    smallest = find(network_problems("two_layer"), lambda p: p.reg > 0 and len(p.X) > 1, settings=anything)

    assert smallest.X.shape == (2, 1)
    assert smallest.params["W2"].shape == (1, 1)
    assert smallest.reg == 1.0
    assert smallest.features == {"integers"}
    assert all(np.all(a == np.round(a)) for a in (*smallest.params.values(), smallest.X))


@given(data=st.data(), depth=st.integers(0, 3))
def test_activations_can_be_given(data, depth):
    activation = ("tanh",) * depth

    problem = data.draw(network_problems("mlp", activation=activation))

    assert problem.kwargs == {"activation": activation}
    assert len(problem.params) == 2 * (depth + 1)


@given(problem=network_problems("mlp"))
def test_source_code_gives_the_same_problem(problem):
    variables = {}

    exec(problem.source(), variables)

    for name, answer in problem.answers().items():
        again = variables["loss"] if name == "loss" else variables["grads"][name]
        assert np.array_equal(answer, again), name
    order = [(a.flags.c_contiguous, a.flags.f_contiguous) for a in (variables["X"], problem.X)]
    assert order[0] == order[1]
    assert variables["X"].flags.writeable == problem.X.flags.writeable


def test_variants_lack_integers_narrow_labels_and_single_precision():
    params = {"W1": np.ones((2, 2), np.float32), "b1": np.zeros(2, np.float32)}
    problem = NetworkProblem("softmax_classifier", params, np.ones((1, 2), int), np.array([1], np.uint8), 0.0)

    variants = {v.when: v for v in problem.variants()}

    assert list(variants) == ["X is an integer array", "the labels are not int64", "the parameters are float32"]
    floats, labels, wide = (v.problem for v in variants.values())
    assert floats.X.dtype == np.float32
    assert labels.y.dtype == np.int64
    assert (wide.dtype, wide.X.dtype) == (np.float64, problem.X.dtype)
    assert variants["the labels are not int64"].cause == "label-dtype"


def test_code_for_a_candidate_shows_the_worst_entry():
    problem = NetworkProblem(
        "softmax_classifier", {"W1": np.ones((1, 2)), "b1": np.zeros(2)}, np.ones((1, 1)), np.array([0]), 0.5
    )
    worst = Comparison("b1", (1,), 7.0, 0.5, 1e-15)
    printed = []

    def candidate(params, X, y, reg):
        assert (X.shape, y.tolist(), reg) == ((1, 1), [0], 0.5)
        return 0.0, {**params, "b1": np.array([0.0, 7.0])}, "intermediates"

    code = problem.reproduction(candidate, worst)
    exec(code, {"candidate": candidate, "print": printed.append})

    assert printed == [7.0]
    assert code.endswith("# 7.0, and right is 0.5")


def test_rescaled_and_nudged_problems_have_other_parameters_of_the_same_shapes():
    problem = NetworkProblem(
        "softmax_classifier", {"W1": np.ones((1, 2)), "b1": np.ones(2)}, np.ones((1, 1)), np.array([0]), 0.5
    )

    for other in (problem.rescaled(), problem.nudged(np.random.default_rng(0))):
        for name, a in problem.params.items():
            assert other.params[name].shape == a.shape
            assert np.all(other.params[name] != a)
        assert other.X is problem.X


def test_integer_data_has_no_gradient():
    problem = find(network_problems("two_layer"), lambda p: "integer X" in p.features, settings=unshrunk)

    assert problem.X.dtype.kind == "i"
    assert "X" not in problem.like()
    assert problem.promoted_dtype == np.float64


def test_a_network_of_nested_parameters_is_verified_from_end_to_end(monkeypatch, tmp_path):
    """The parameters are ``{"layers": [{"W": …, "b": …}, …]}``."""

    def nested_loss(
        params: Annotated[Any, {"layers": [{"W": "D H", "b": "H"}, {"W": "H C", "b": spec("C", {"C": -np.inf})}]}],
        X: Annotated[Array, "N D"],
        y: Annotated[Array, "N", "below C"],
        reg: Annotated[float, STRENGTHS] = 0.0,
        *,
        where: Any = None,
    ) -> Annotated[Array, ""]:
        flat = {f"{name}{i}": a for i, layer in enumerate(params["layers"], 1) for name, a in layer.items()}
        return reference.NETWORKS["two_layer"].loss(flat, X, y, reg, where=where)

    def loss_and_grad(params, X, y, reg=0.0, *, input_grad=False):
        flat = {f"{name}{i}": a for i, layer in enumerate(params["layers"], 1) for name, a in layer.items()}
        J, grads = two_layer.loss_and_grad(flat, X, y, reg, input_grad=input_grad)
        layers = [{"W": grads[f"W{i}"] * factor, "b": grads[f"b{i}"]} for i in (1, 2)]
        return J, {"layers": layers} | ({"X": grads["X"]} if input_grad else {})

    factor = 1.0
    monkeypatch.setitem(handgrad.NETWORKS, "nested", SimpleNamespace(loss_and_grad=loss_and_grad))
    monkeypatch.setitem(reference.NETWORKS, "nested", SimpleNamespace(loss=nested_loss))

    evaluations = [evaluate(problem) for problem in collect(network_problems("nested"), examples=60, seed=0)]

    assert [e.failures for e in evaluations if e.failures] == []
    assert {c.name for e in evaluations for c in e.comparisons} >= {"loss", "layers.0.W", "layers.1.b", "X"}
    assert measure("nested", np.float64, {"handgrad": SYSTEMS["handgrad"]})["handgrad"].gradient <= MAX_ULPS
    assert golden_vectors.write(tmp_path / "vectors", "nested", count=2) == 2
    assert {"layers.0.W", "dlayers.0.W"} <= set(np.load(tmp_path / "vectors" / "000.npz"))
    assert oracle.check(loss_and_grad, "nested", examples=20).ok

    factor = 1.001
    verdict = oracle.check(loss_and_grad, "nested", examples=20)

    assert not verdict.ok
    assert {finding.array for finding in verdict.findings} == {"layers.0.W", "layers.1.W"}
