"""The verdict on every mistake names its cause and no other, in at most 15 lines; correct programs are accepted."""

import pytest

import oracle

from .candidates import candidate
from .causes import CAUSES
from .reported import REPORTED, buffers
from .styles import STYLES, correct_programs
from .synthetic import SYNTHETIC

MISTAKES = REPORTED | SYNTHETIC
PROGRAMS = correct_programs()
#: Breaks handgrad's own contract, but is allowed in other people's code.
ALLOWED = {
    "loss a Python float",  # a loss may be any number
    "log-sum-exp that is not shifted",  # correct up to the rounding of the scores: a remark
}


def test_every_mistake_has_its_cause_written_down():
    assert CAUSES.keys() == MISTAKES.keys() - ALLOWED


@pytest.mark.parametrize("name", CAUSES)
def test_cause_is_named_and_no_other(name):
    buffers.clear()

    verdict = oracle.check(candidate(MISTAKES[name].formulas), "two_layer")

    assert not verdict.ok
    assert verdict.causes == CAUSES[name], str(verdict)
    assert len(str(verdict).splitlines()) <= 15, str(verdict)


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_what_only_handgrads_contract_forbids_is_accepted(name):
    verdict = oracle.check(candidate(SYNTHETIC[name].formulas), "two_layer")

    assert verdict.ok, str(verdict)


#: Every style, and of each correct form one of the eight conventions, in turn.
SOME = [*PROGRAMS][: len(STYLES)] + [*PROGRAMS][len(STYLES) :: 9]


@pytest.mark.parametrize("name", SOME)
def test_correct_program_is_accepted(name):
    program, conventions = PROGRAMS[name]

    verdict = oracle.check(program, "two_layer", conventions=conventions, seed=None, examples=60)

    assert verdict.ok, str(verdict)
