"""The verdict on every mistake names its cause and no other, in at most 15 lines; correct programs pass."""

import pytest

import oracle

from .candidates import candidate
from .causes import CAUSES
from .reported import REPORTED, buffers
from .styles import STYLES, right
from .synthetic import SYNTHETIC

MISTAKES = REPORTED | SYNTHETIC
RIGHT = right()
#: Not allowed in handgrad itself, and no mistake in your code.
FINE = {
    "loss a Python float",  # a loss may be any number
    "log-sum-exp that is not shifted",  # within what rounding of the scores allows: a remark
}


def test_every_mistake_has_its_cause_written_down():
    assert CAUSES.keys() == MISTAKES.keys() - FINE


@pytest.mark.parametrize("name", CAUSES)
def test_cause_is_named_and_no_other(name):
    buffers.clear()

    verdict = oracle.check(candidate(MISTAKES[name].formulas), "two_layer")

    assert not verdict.ok
    assert verdict.causes == CAUSES[name], str(verdict)
    assert len(str(verdict).splitlines()) <= 15, str(verdict)


@pytest.mark.parametrize("name", sorted(FINE))
def test_some_violations_are_fine_in_your_code(name):
    verdict = oracle.check(candidate(SYNTHETIC[name].formulas), "two_layer")

    assert verdict.ok, str(verdict)


#: Every style, each with another of the eight conventions.
SOME = [*RIGHT][: len(STYLES)] + [*RIGHT][len(STYLES) :: 9]


@pytest.mark.parametrize("name", SOME)
def test_correct_program_passes(name):
    program, conventions = RIGHT[name]

    verdict = oracle.check(program, "two_layer", conventions=conventions, seed=None, examples=60)

    assert verdict.ok, str(verdict)
