"""The exercise can be solved: its solution is approved step by step, and wrong answers get the verdicts it prints."""

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

#: The text of each step on the page, and of what comes before the first.
SECTIONS = re.split(r"^## Step \d: .*\n", PAGE.partition("## Approved")[0], flags=re.MULTILINE)

#: The step, the line that somebody wrote, and the cells beside it.
WRONG = [
    (step, *cells)
    for step, text in enumerate(SECTIONS)
    for cells in re.findall(r"^\| `(\w+ = .*?)` \| (.*?) (?:\| (.*?) )?\|$", text, re.MULTILINE)
]


def written(steps, line=None):
    """Return the solution as far as that step; a line replaces the one that gives its name a value last."""
    source = BEFORE + "".join(STEPS[:steps]) + RETURN
    if line:
        name = line.partition(" = ")[0]
        *_, right = re.findall(rf"^    {name} = .*$", source, re.MULTILINE)
        source = source.replace(right, f"    {line}")
    names = {"np": np}
    exec(compile(source, "solution", "exec"), names)
    return names["loss_and_grad"]


def said_of(candidate):
    return oracle.check(candidate, "two_layer", examples=50)


def cause_of(cell):
    """Return the cause that a cell names, if it says of it what the oracle says."""
    name, sentence = re.fullmatch(r"`([\w-]+)`: (.*)", cell).groups()
    assert sentence == VOCABULARY[name].sentence
    return name


def test_the_solution_is_approved():
    answer = written(8)

    verdict = oracle.check(lambda *problem: answer(*problem)[:2], "two_layer")

    assert verdict.ok, str(verdict)
    (shown,) = re.findall(r"^    (two_layer: right on .*), \S+ s$", PAGE, re.MULTILINE)
    assert str(verdict).startswith(shown)
    assert len(verdict.remarks) == 2


@pytest.mark.parametrize("step", range(9))
def test_progress_is_what_the_page_says_after_each_step(step):
    (expected,) = re.findall(r"^```text\n(.*?)\n```", SECTIONS[step], re.DOTALL | re.MULTILINE)

    assert GIVEN["progress"](written(step)) == expected


def test_what_one_starts_from_is_the_solution_without_its_steps():
    assert BEFORE in PAGE.partition("## Step 1")[0]
    assert RETURN in PAGE.partition("## Step 1")[0]


@pytest.mark.parametrize(("step", "line", "said", "later"), WRONG)
def test_a_wrong_answer_gets_the_verdict_that_the_page_prints(step, line, said, later):
    verdict = said_of(written(step, line))

    if later:
        assert (verdict.stage or "none") == said
        assert cause_of(later) in said_of(written(8, line)).causes
    elif said.startswith("first wrong stage: "):
        assert verdict.stage == said.removeprefix("first wrong stage: ")
    elif said.startswith("still wrong: "):
        assert said.removeprefix("still wrong: ") in {finding.array for finding in verdict.findings}
    else:
        assert cause_of(said) in verdict.causes


def test_each_step_has_wrong_answers():
    assert {step for step, *_ in WRONG} == set(range(1, 9))
    assert len(WRONG) == PAGE.count("\n| `") == len({line for _, line, *_ in WRONG})


@pytest.mark.parametrize("line", [line for step, line, said, _ in WRONG if (step, said) == (2, "still wrong: loss")])
def test_a_wrong_loss_is_not_that_of_the_gradient(line):
    assert said_of(written(8, line)).causes == ("loss-and-gradient-disagree",)
