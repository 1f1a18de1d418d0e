"""Tests for oracle.diagnosis.perceptrons.detection_power."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.diagnosis.perceptrons.detection_power import DetectionPower, detection_power
from tests.tools.planting import NETWORKS, answers, drawn


def checked(problems, bound=1e-12):
    return [(p, a, {n: np.full(np.shape(g), bound) for n, g in a.items()}) for p in problems for a in [answers(p)]]


@pytest.mark.parametrize("name", NETWORKS)
def test_all_planted_mistakes_show_on_the_probes(name):
    power = detection_power(checked(drawn(name, seed=0), bound=1e-13))

    assert (power.share, power.missed) == (1.0, ())
    assert power.planted > 100


def test_problems_without_a_penalty_miss_its_mistakes():
    power = detection_power(checked([replace(p, reg=0.0) for p in drawn("two_layer")]))

    assert {"l2-missing", "l2-on-bias"} <= {cause for cause, _ in power.missed}
    assert power.caught == power.planted - len(power.missed)


def test_one_example_misses_what_becomes_of_the_mean():
    power = detection_power(checked([p for p in drawn("two_layer") if len(p.X) == 1]))

    assert "mean-missing" in {cause for cause, _ in power.missed}


def test_smallest_error_is_the_bound_relative_to_the_largest_entry():
    (problem, *_) = drawn("two_layer")
    power = detection_power(checked([problem], bound=1e-6))

    largest = {name: np.max(np.abs(g)) for name, g in answers(problem).items() if name != "loss"}
    assert power.smallest_error == pytest.approx(max(1e-6 / a for a in largest.values()))


def test_nothing_planted_is_no_power():
    assert DetectionPower(0, 0, (), np.inf).share == 0
