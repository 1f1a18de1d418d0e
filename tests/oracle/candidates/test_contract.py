"""Each violation of the contract is named."""

import numpy as np
import pytest

from oracle.candidates.contract import call


def right(W):
    return {"loss": np.float64(1.0), "W": 2 * W}


def mutating(W):
    W[0] += 1
    return right(W)


def wrong_shape(W):
    return {**right(W), "W": (2 * W)[None]}


def wrong_dtype(W):
    return {**right(W), "W": (2 * W).astype(np.float32)}


def missing(W):
    return {"loss": np.float64(1.0)}


def aliasing(W):
    return {**right(W), "W": W}


def a_view(W):
    return {**right(W), "W": W[::-1][::-1]}


def buffered(W, buffer=np.zeros(3)):  # noqa: B008
    np.multiply(W, 2, out=buffer)
    return {**right(W), "W": buffer}


def accumulating(W, total=[0.0]):  # noqa: B006
    total[0] = total[0] + 2 * W
    return {**right(W), "W": total[0].copy()}


def random(W, rng=np.random.default_rng(0)):  # noqa: B008
    return {**right(W), "W": 2 * W * (1 + 0.1 * rng.random(3))}


def overwriting(W, earlier=[]):  # noqa: B006
    results = right(W)
    for a in earlier:
        a[:] = 0
    earlier.append(results["W"])
    return results


@pytest.mark.parametrize(
    ("function", "violation"),
    [
        (mutating, "W was written to"),
        (wrong_shape, "W has shape (1, 3), expected (3,)"),
        (wrong_dtype, "W has dtype float32, expected float64"),
        (missing, "W is missing"),
        (aliasing, "W shares memory with W"),
        (a_view, "W shares memory with W"),
        (buffered, "W shares memory with an earlier W"),
        (accumulating, "W accumulates from call to call"),
        (random, "W differs from call to call"),
        (overwriting, "W of an earlier call was changed by a later one"),
    ],
)
def test_violation_is_named(function, violation):
    W = np.array([1.0, 2.0, 3.0])

    _, violations = call(lambda: function(W), {"W": W}, {"loss": np.zeros(()), "W": W})

    assert violation in violations


def test_a_right_function_violates_nothing():
    W = np.array([1.0, 2.0, 3.0])

    results, violations = call(lambda: right(W), {"W": W}, {"loss": np.zeros(()), "W": W})

    assert violations == ()
    assert results["W"].tolist() == [2.0, 4.0, 6.0]


def test_results_are_those_of_the_first_call_even_if_they_are_changed_later():
    W = np.array([1.0, 2.0, 3.0])

    results, _ = call(lambda: overwriting(W), {"W": W}, {"loss": np.zeros(()), "W": W})

    assert results["W"].tolist() == [2.0, 4.0, 6.0]
