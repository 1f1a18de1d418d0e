"""The verdict on every mistake names its cause and no other, in at most 15 lines; what is right is not scolded."""

import pytest

import oracle

from .candidates import candidate
from .causes import CAUSES
from .reported import REPORTED, buffers
from .styles import STYLES, right
from .synthetic import SYNTHETIC

MISTAKES = REPORTED | SYNTHETIC
RIGHT = right()
#: What the contract does not allow handgrad, and is no mistake in other people's code.
FINE = {
    "loss a Python float",  # a loss may be any number
    "log-sum-exp that is not shifted",  # as right as scores whose last digits are rounded allow: a remark
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
def test_what_handgrad_may_not_do_is_fine_in_other_peoples_code(name):
    verdict = oracle.check(candidate(SYNTHETIC[name].formulas), "two_layer")

    assert verdict.ok, str(verdict)


#: Every style, and of the eight conventions of each form another one.
SOME = [*RIGHT][: len(STYLES)] + [*RIGHT][len(STYLES) :: 9]


@pytest.mark.parametrize("name", SOME)
def test_right_program_is_not_scolded(name):
    program, conventions = RIGHT[name]

    verdict = oracle.check(program, "two_layer", conventions=conventions, seed=None, examples=60)

    assert verdict.ok, str(verdict)
