"""Tests for oracle.diagnosis.perceptrons.intermediates."""

import numpy as np
import pytest

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.diagnosis.perceptrons.intermediates import first_wrong_stage
from tests.tools.planting import drawn


def intermediates(problem):
    """Return the quantities of a two-layer network's pass."""
    fwd = ForwardPass(problem)
    last, first = fwd.backward()
    return {
        "z1": fwd.z[1],
        "hidden": fwd.h[1],
        "scores": fwd.s,
        "p": fwd.p,
        "ds": last.dz,
        "dh": first.dh,
        "dz1": first.dz,
    }


@pytest.mark.parametrize("problem", drawn("two_layer")[::10])
def test_correct_intermediates_have_no_wrong_stage(problem):
    assert first_wrong_stage(problem, intermediates(problem)) == ""


def test_first_wrong_one_is_named_with_the_last_right_one():
    (problem, *_) = drawn("two_layer")
    given = intermediates(problem)

    for last, name in zip(given, list(given)[1:]):
        wrong = {**given, name: given[name] + 0.1, "dz1": given["dz1"] + 1}
        assert first_wrong_stage(problem, wrong) == f"{name}, after {last}, which is right"
    assert first_wrong_stage(problem, {**given, "z1": -given["z1"]}) == "z1"


def test_wrong_shape_is_named():
    (problem, *_) = drawn("two_layer")
    given = intermediates(problem)
    N, C = given["p"].shape

    stage = first_wrong_stage(problem, {"p": given["p"].T})

    assert stage == f"p must have shape ({N}, {C}), got ({C}, {N})"


def test_unknown_names_are_ignored():
    assert first_wrong_stage(drawn("two_layer")[0], {"nonsense": np.zeros(3)}) == ""
