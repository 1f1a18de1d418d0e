"""Programs are timed in turn, each in a block of its own, with a pause before it."""

import time

import pytest

from oracle.benchmarks import timing
from oracle.benchmarks.timing import Timing, rounds


def test_each_round_has_a_block_of_each_and_begins_with_another(monkeypatch):
    seen = []
    monkeypatch.setattr(time, "sleep", lambda seconds: seen.append(f"pause {seconds}"))
    monkeypatch.setattr(timing, "_once", lambda program: 0.5)  # two calls a block, and one before it
    programs = {name: lambda name=name: seen.append(name) for name in "ab"}

    found = list(rounds(programs, 2, block=1.0, pause=0.25))

    assert seen == [part for name in "abba" for part in ("pause 0.25", name, name, name)]
    assert [len(timings["a"].seconds) for timings in found] == [2, 2]  # the same, still filling


def test_a_block_takes_about_as_long_as_was_asked_for():
    (found,) = rounds({"nap": lambda: time.sleep(0.001)}, 1, block=0.05, pause=0)

    assert 0.001 <= found["nap"].median


def test_ratios_are_taken_round_by_round():
    slow, fast = Timing([2.0, 40.0, 6.0]), Timing([1.0, 10.0, 2.0])  # the second round was disturbed

    assert slow.ratio(fast) == pytest.approx((2.5, 3.0, 3.5))
