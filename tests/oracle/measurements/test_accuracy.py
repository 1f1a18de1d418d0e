"""Correct digits: every rule stays within the limit, and a formula that cancels exceeds it."""

import numpy as np
import pytest

import handgrad
from oracle.measurements.accuracy import MAX_ULPS, SYSTEMS, Accuracy, measure, problems

#: Where NumPy's own exponential, off by a unit in float32 where XLA's is by half of one, is all that is lost to JAX.
LIBRARY = {("logsumexp", np.float32): 1.01}

everything = [*handgrad.NETWORKS, *handgrad.RULES]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", everything)
def test_value_and_gradient_keep_their_digits_and_no_fewer_than_jax(name, dtype):
    found = measure(name, dtype, {name: SYSTEMS[name] for name in ("handgrad", "jax.grad")})

    assert found["handgrad"].value <= MAX_ULPS
    assert found["handgrad"].gradient <= MAX_ULPS
    if found["handgrad"].loses_to(found["jax.grad"]):
        assert found["handgrad"].gradient <= LIBRARY[name, dtype]


def with_pullback(monkeypatch, name, pullback):
    """Plant a pullback: a function of the cotangent, the argument and the value."""
    right = handgrad.RULES[name]

    def planted(z):
        h, _ = right(z)
        return h, lambda dh: (pullback(dh, z, h),)

    monkeypatch.setitem(handgrad.RULES, name, planted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "textbook"),
    [
        ("tanh", lambda dh, z, h: dh * (1 - h * h)),
        ("sigmoid", lambda dh, z, h: dh * h * (1 - h)),
        ("softsign", lambda dh, z, h: dh * (1 - np.abs(h)) ** 2),
        ("elu", lambda dh, z, h: dh * np.where(z > 0, 1, h + 1)),
    ],
)
def test_a_textbook_form_that_cancels_exceeds_the_limit(name, textbook, dtype, monkeypatch):
    with_pullback(monkeypatch, name, textbook)

    found = measure(name, dtype, {"handgrad": SYSTEMS["handgrad"]})

    assert found["handgrad"].gradient > 100 * MAX_ULPS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loss_of_three_digits_exceeds_the_limit(dtype, monkeypatch):
    with_pullback(monkeypatch, "relu", lambda dh, z, h: dh * (z > 0) * dtype(1 + 1000 * np.finfo(dtype).eps))

    found = measure("relu", dtype, {"handgrad": SYSTEMS["handgrad"]})

    assert 999 <= found["handgrad"].gradient <= 1001


def test_two_units_are_worse_than_one_and_a_half_but_half_a_unit_is_not_worse_than_a_tenth():
    assert Accuracy(gradient=2.0).loses_to(Accuracy(gradient=1.5))
    assert not Accuracy(gradient=0.5).loses_to(Accuracy(gradient=0.1))


@pytest.mark.parametrize("name", everything)
def test_pytorch_answers_the_same_problems(name):
    torch_answers = pytest.importorskip("torch") and SYSTEMS["torch"]
    *_, problem = (p for p, _ in zip(problems(name, np.float64), range(25)))  # of magnitude 1

    given, expected = torch_answers(problem), problem.answers()

    assert given.keys() == expected.keys()
    for key, a in expected.items():
        assert np.allclose(given[key], a, rtol=1e-8, atol=1e-12), key
