"""Results are counted, merged, saved and printed."""

import dataclasses
import io
import json
from itertools import permutations

import numpy as np
import pytest
from rich.console import Console

from oracle.campaigns.table import Result, report
from oracle.checks.evaluation import Evaluation
from oracle.rounding.bounds import Comparison
from oracle.strategies.rules import RuleProblem

SMALL, LARGE, WRONG = (Comparison("dz", (0,), 1.0 + error, 1.0, 0.5) for error in (0.125, 0.25, 1.0))
SHORT, LONG = ("float32", ("dz[0] is 2.0",), "z = 1"), ("float64", ("dz[0, 0] is 2.0",), "z = [[1]]")


def evaluation(comparison, z=(1.0,), **rest):
    z = np.array(z)
    return Evaluation(RuleProblem("relu", (z,), {}, np.ones_like(z)), comparisons=(comparison,), **rest)


def result(*evaluations):
    found = Result("relu")
    for each in evaluations:
        found.add(each.problem, each)
    return found


def printed(*rows):
    out = io.StringIO()
    report(rows, Console(file=out, width=200), seconds=2.0)
    return out.getvalue()


def test_problems_are_counted_with_the_worst_error_and_where_jax_is_off():
    found = result(evaluation(SMALL), evaluation(LARGE, jax_inaccurate=True), evaluation(SMALL))

    assert found == Result("relu", problems=3, jax_inaccurate=1, worst=LARGE)
    assert found.verdict == "agrees (JAX off: 1)"
    assert result(evaluation(SMALL)).verdict == "agrees"
    assert Result("relu").verdict == "not run"


def test_after_a_failure_only_failures_count():
    found = result(evaluation(SMALL), evaluation(WRONG, (1.0, 2.0)), evaluation(LARGE))

    assert (found.problems, found.worst, found.verdict) == (1, SMALL, "DISAGREES")
    dtype, sentences, code = found.failure
    assert dtype == "float64"
    assert sentences == (str(WRONG),)
    assert code == evaluation(WRONG, (1.0, 2.0)).problem.source()
    smaller = evaluation(WRONG, other_values=("exact arithmetic: 1.0",))
    found.add(smaller.problem, smaller)
    assert found.failure == ("float64", (str(WRONG), "  exact arithmetic: 1.0"), smaller.problem.source())


def test_results_merge_in_any_order_to_the_same():
    parts = [
        Result("relu", 1, 1, 0.25, SMALL, LONG),
        Result("relu", 20, 0, 0.5, LARGE),
        Result("relu", 300, 2, 1.0, None, SHORT),
    ]

    merged = [a.merge(b).merge(c) for a, b, c in permutations(parts)]

    assert merged == [Result("relu", 321, 3, 1.75, LARGE, SHORT)] * 6
    assert Result("relu").merge(Result("relu")) == Result("relu")


@pytest.mark.parametrize("worst", [None, SMALL])
@pytest.mark.parametrize("failure", [None, SHORT])
def test_a_result_is_the_same_when_it_is_read_back(worst, failure):
    saved = Result("relu", 3, 1, 0.5, worst, failure)

    assert Result.from_json(json.loads(json.dumps(dataclasses.asdict(saved)))) == saved


def test_a_worst_error_that_is_a_failure_is_refused():
    record = dataclasses.asdict(Result("relu", 3, worst=WRONG))

    with pytest.raises(ValueError, match=r"worst must agree, got dz\[0\] is 2.0"):
        Result.from_json(record)


def test_the_report_has_a_row_for_each_name_and_says_that_all_agree():
    text = printed(Result("relu", 3000, 0, 1.5, LARGE), Result("tanh"))

    lines = [line.split() for line in text.splitlines()]
    assert ["relu", "3,000", "2.5e-01", "5.0e-01", "2,000", "agrees"] in lines
    assert ["tanh", "0", "not", "run"] in lines
    assert text.endswith("3,000 problems in 2 s: every gradient agrees\n")


def test_the_report_shows_what_fails_as_it_is_and_names_it():
    failure = "float32", ("x[0] is [red]2.0[/red]",), "x = [bold]"

    text = printed(Result("relu", 1, failure=failure), Result("tanh", 2))

    assert "relu on the smallest problem found, float32:\n  x[0] is [red]2.0[/red]\n\nx = [bold]\n" in text
    assert text.endswith("3 problems in 2 s: wrong: relu\n")
