"""An error in one entry is noticed down to rounding, and a bound that is too wide shows in the measurement."""

import dataclasses

import numpy as np
import pytest

from oracle.gradients import autodiff
from oracle.measurements import sensitivity
from oracle.measurements.sensitivity import ERRORS, SIZES, SensitivityCurve, drawn_problems, sized_problems


def curve(problems):
    found, rng = SensitivityCurve(), np.random.default_rng(0)
    for problem in problems:
        found.plant(problem, rng)
    return found


@pytest.mark.parametrize(("dtype", "size"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_small_errors_in_one_entry_are_seen(dtype, size):
    found = curve(p for sizes in SIZES for p in sized_problems(sizes, 25, dtype=dtype, seed=0))

    assert found.tried == 4 * 25 * len(SIZES)
    assert found.share(size) >= 0.99


def test_an_error_below_rounding_is_not_seen():
    found = curve(sized_problems(SIZES[0], 20, dtype=np.float32, seed=0))

    assert found.share(ERRORS[0]) < 0.1


def test_a_bound_that_is_too_wide_is_noticed(monkeypatch):
    right = autodiff.answers

    def generous(problem):
        by_jax = right(problem)
        return dataclasses.replace(by_jax, bound={k: 1e9 * b for k, b in by_jax.bound.items()})

    monkeypatch.setattr(sensitivity.autodiff, "answers", generous)

    assert curve(sized_problems(SIZES[0], 20, dtype=np.float64, seed=0)).share(1e-10) < 0.1


def test_problems_are_drawn_at_every_scale():
    drawn = drawn_problems(100, dtype=np.float64, seed=0)

    assert all(len(problems) > 3 for problems in drawn.values())
