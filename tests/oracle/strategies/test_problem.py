"""What problems have in common: copies, variants without what is special, and code that reproduces them."""

from types import SimpleNamespace

import numpy as np
import pytest

import handgrad
from handgrad import two_layer
from oracle.strategies import problems
from oracle.strategies.problem import Keyed, call_source, nudge, shown_source
from oracle.strategies.rules import RuleProblem


def problem(x):
    return RuleProblem("relu", (x,), {}, np.ones(np.shape(x)))


def test_objects_of_equal_keys_are_equal_whatever_they_hold():
    assert Keyed(1, [1]) == Keyed(1, [2])
    assert len({Keyed(1, [1]), Keyed(1, [2]), Keyed(2, [1])}) == 2


def test_a_copy_shares_no_memory():
    original = problem(np.asfortranarray(np.ones((2, 3))))

    copy = original.copy()

    assert copy.args[0].flags.f_contiguous
    for name, array in copy.arguments().items():
        assert np.array_equal(array, original.arguments()[name])
        assert not np.may_share_memory(array, original.arguments()[name])


def test_an_ordinary_problem_has_no_variants():
    assert list(problem(np.ones((2, 3))).variants()) == []


def test_variants_lack_what_is_special_about_the_arrays():
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    x.flags.writeable = False

    contiguous, writeable = problem(x).variants()

    assert (contiguous.when, contiguous.cause) == ("an array is not C-contiguous", "memory-layout")
    assert contiguous.problem.args[0].flags.c_contiguous
    assert (writeable.when, writeable.cause) == ("an array is read-only", "")
    assert writeable.problem.args[0].flags.writeable
    assert writeable.problem.args[0].flags.f_contiguous
    for variant in (contiguous, writeable):
        assert np.array_equal(variant.problem.args[0], x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_nudge_moves_every_entry_a_little(dtype):
    x = np.zeros((4, 5), dtype)

    moved = nudge(x, np.random.default_rng(0))

    assert moved.dtype == dtype
    assert np.all(moved != x)
    assert np.max(np.abs(moved)) < 0.1


def test_a_function_in_a_module_is_imported_by_its_code_and_another_called_by_name():
    assert call_source(two_layer.loss_and_grad) == (
        ["import numpy as np", f"from {two_layer.__name__} import loss_and_grad"],
        "loss_and_grad",
    )

    def local():
        pass

    assert call_source(local) == (["import numpy as np"], "local")
    assert call_source(lambda: None) == (["import numpy as np"], "candidate")
    assert call_source(None) == (["import numpy as np"], "candidate")


def test_the_entry_is_printed_with_what_it_should_be():
    worst = SimpleNamespace(index=(1, 0), given=2.0, expected=3.0)

    assert shown_source("dW", worst) == "print(dW[1, 0])  # 2.0, and right is 3.0"
    assert shown_source("value", None) == "print(value)"


def test_a_rule_without_a_reference_is_refused_by_name(monkeypatch):
    monkeypatch.setitem(handgrad.RULES, "nothing", handgrad.relu)

    with pytest.raises(ValueError, match="nothing must have a reference in oracle/reference/rules"):
        problems("nothing")
