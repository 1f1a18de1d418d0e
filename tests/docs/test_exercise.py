"""The exercise's solution passes step by step, and wrong answers get the verdicts that the page shows."""

import re
from pathlib import Path

import numpy as np
import pytest

import oracle
from oracle.diagnosis import VOCABULARY
from tests.docs.test_derivations import run

PAGE = (Path(__file__).parents[2] / "docs" / "exercise.md").read_text()
GIVEN = run(PAGE, "exercise.md")

_solution = PAGE.partition("## The solution")[2]
(SOLUTION,) = re.findall(r"^```py\n(.*?)^```", _solution, re.DOTALL | re.MULTILINE)
BEFORE, *STEPS = re.split(r"^(?=    # step \d: )", SOLUTION, flags=re.MULTILINE)
STEPS[-1], RETURN = re.split(r"^(?=    arrays = )", STEPS[-1], flags=re.MULTILINE)

#: The page's text before the first step, and that of each step.
SECTIONS = re.split(r"^## Step \d: .*\n", PAGE.partition("## Approved")[0], flags=re.MULTILINE)

#: The step, the wrong line, and the cells beside it.
WRONG = [
    (step, *cells)
    for step, text in enumerate(SECTIONS)
    for cells in re.findall(r"^\| `(\w+ = .*?)` \| (.*?) (?:\| (.*?) )?\|$", text, re.MULTILINE)
]


def solution(steps, line=None):
    """Return the solution up to a step; ``line`` replaces the last line that assigns to the same name."""
    source = BEFORE + "".join(STEPS[:steps]) + RETURN
    if line:
        name = line.partition(" = ")[0]
        *_, right = re.findall(rf"^    {name} = .*$", source, re.MULTILINE)
        source = source.replace(right, f"    {line}")
    names = {"np": np}
    exec(compile(source, "solution", "exec"), names)
    return names["loss_and_grad"]


def verdict_on(candidate):
    return oracle.check(candidate, "two_layer", examples=50)


def cause_of(cell):
    """Return the cause that a cell names, after checking that its explanation is the oracle's."""
    name, sentence = re.fullmatch(r"`([\w-]+)`: (.*)", cell).groups()
    assert sentence == VOCABULARY[name].sentence
    return name


def test_the_solution_passes():
    answer = solution(8)

    verdict = oracle.check(lambda *problem: answer(*problem)[:2], "two_layer")

    assert verdict.ok, str(verdict)
    (shown,) = re.findall(r"^    (two_layer: correct on .*), \S+ s$", PAGE, re.MULTILINE)
    assert str(verdict).startswith(shown)
    assert len(verdict.remarks) == 2


@pytest.mark.parametrize("step", range(9))
def test_progress_prints_what_the_page_shows_after_each_step(step):
    (expected,) = re.findall(r"^```text\n(.*?)\n```", SECTIONS[step], re.DOTALL | re.MULTILINE)

    assert GIVEN["progress"](solution(step)) == expected


def test_the_starting_code_is_the_solution_without_its_steps():
    assert BEFORE in PAGE.partition("## Step 1")[0]
    assert RETURN in PAGE.partition("## Step 1")[0]


@pytest.mark.parametrize(("step", "line", "expected", "later"), WRONG)
def test_a_wrong_answer_gets_the_verdict_on_the_page(step, line, expected, later):
    verdict = verdict_on(solution(step, line))

    if later:
        assert (verdict.stage or "none") == expected
        assert cause_of(later) in verdict_on(solution(8, line)).causes
    elif expected.startswith("first wrong stage: "):
        assert verdict.stage == expected.removeprefix("first wrong stage: ")
    elif expected.startswith("still wrong: "):
        assert expected.removeprefix("still wrong: ") in {finding.array for finding in verdict.findings}
    else:
        assert cause_of(expected) in verdict.causes


def test_each_step_has_wrong_answers():
    assert {step for step, *_ in WRONG} == set(range(1, 9))
    assert len(WRONG) == PAGE.count("\n| `") == len({line for _, line, *_ in WRONG})


@pytest.mark.parametrize(
    "line", [line for step, line, expected, _ in WRONG if (step, expected) == (2, "still wrong: loss")]
)
def test_a_wrong_loss_disagrees_with_its_gradient(line):
    assert verdict_on(solution(8, line)).causes == ("loss-and-gradient-disagree",)
