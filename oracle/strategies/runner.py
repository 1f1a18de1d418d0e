"""Runs a function on problems that Hypothesis draws: the same seed draws the same problems."""

import contextlib
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Flaky

__all__ = ["ProblemFailed", "StopDrawing", "collect", "run"]


class ProblemFailed(Exception):
    """Raised by a test of a problem that fails: Hypothesis then looks for smaller ones."""


class StopDrawing(BaseException):
    """Raised to end a run at once: Hypothesis neither repeats nor shrinks what is not an Exception."""


def run(
    strategy: st.SearchStrategy[Any],
    test: Callable[[Any], None],
    *,
    examples: int,
    seed: int,
    phases: tuple[Phase, ...] = (Phase.generate,),
    database: ExampleDatabase | None = None,
    key: bytes | None = None,
) -> None:
    """Call ``test`` with each problem drawn, until ``examples`` or a :class:`StopDrawing`.

    After the first :class:`ProblemFailed`, with ``Phase.shrink``, smaller problems are drawn; the last that fails is
    the smallest. What fails is saved in the database, under ``key``.
    """

    @settings(
        max_examples=examples,
        database=database,
        deadline=None,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,  # the search for others ends when the clock says: never the same twice
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(seed)  # below the settings: above them it would take the database away
    @given(strategy)
    def property_test(problem: Any) -> None:
        test(problem)

    if key is not None:  # Hypothesis's own key would be the same for all rules
        property_test._hypothesis_internal_database_key = key  # type: ignore[attr-defined]
    with contextlib.suppress(ProblemFailed, StopDrawing, Flaky):  # a problem that fails only at times was reported
        property_test()


def collect(strategy: st.SearchStrategy[Any], *, examples: int, seed: int) -> list[Any]:
    """Return the problems drawn."""
    found: list[Any] = []
    run(strategy, found.append, examples=examples, seed=seed)
    return found
