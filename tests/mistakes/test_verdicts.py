"""The verdict on every mistake names its cause and no other, in at most 15 lines; what is right is not scolded."""

import pytest

import oracle

from .candidates import candidate
from .causes import CAUSES
from .correct import CORRECT
from .invented import INVENTED
from .made import MADE, buffers

MISTAKES = MADE | INVENTED
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


@pytest.mark.parametrize("name", [*CORRECT, *FINE])
def test_right_form_is_not_scolded(name):
    formulas = CORRECT[name] if name in CORRECT else INVENTED[name].formulas

    verdict = oracle.check(candidate(formulas), "two_layer")

    assert verdict.ok, str(verdict)
