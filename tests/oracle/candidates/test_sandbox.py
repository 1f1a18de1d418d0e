"""Whatever a candidate does, it gets a verdict: never a traceback, never a hang."""

import _thread
import sys
import time

import numpy as np
import pytest

import oracle
from handgrad import two_layer

right = two_layer.loss_and_grad


def check(candidate, **options):
    return oracle.check(candidate, "two_layer", examples=20, **options)


def raises(params, X, y, reg):
    raise KeyError("W3")


def raises_for_one_row(params, X, y, reg):
    if len(X) == 1:
        raise IndexError("tuple index out of range")
    return right(params, X, y, reg)


def exits(params, X, y, reg):
    sys.exit("done")


def hangs(params, X, y, reg):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def nan(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, {name: g * np.nan for name, g in grads.items()}


def strings(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, dict.fromkeys(grads, "0.5")


def nothing(params, X, y, reg):
    return None


def loss_alone(params, X, y, reg):
    return right(params, X, y, reg)[0]


def other_keys(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, {f"d{name}": g for name, g in grads.items()}


def a_list(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, list(grads.values())


def no_W1(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, {**grads, "W1": None}


def ragged(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, {**grads, "W1": [[1.0], [1.0, 2.0]]}


@pytest.mark.parametrize(
    ("candidate", "cause", "sentence"),
    [
        (raises, "raises", "it raises KeyError: 'W3'"),
        (raises_for_one_row, "raises", "it raises IndexError: tuple index out of range"),
        (exits, "raises", "it raises SystemExit: done"),
        (strings, "not-an-answer", "W1 is a str, expected real numbers"),
        (nothing, "not-an-answer", "it returns a NoneType, expected (loss, grads)"),
        (loss_alone, "not-an-answer", "it returns a float64, expected (loss, grads)"),
        (other_keys, "not-an-answer", "its gradients are 'dW1', 'db1', 'dW2', 'db2', expected W1, b1, W2, b2"),
        (a_list, "not-an-answer", "its gradients are a list, expected a dict of W1, b1, W2, b2: oracle.adapt"),
        (no_W1, "gradient-missing", "W1 is missing"),
        (ragged, "not-an-answer", "W1 is a list that makes no array"),
    ],
)
def test_a_failure_is_named_in_one_sentence(candidate, cause, sentence):
    verdict = check(candidate)

    assert not verdict.ok
    assert verdict.causes == (cause,)
    assert sentence in str(verdict)


def test_an_error_on_some_problems_names_what_they_have_in_common():
    verdict = check(raises_for_one_row)

    assert verdict.when == ("N = 1",)


def test_a_candidate_that_hangs_is_abandoned_at_the_time_limit():
    started = time.perf_counter()

    verdict = check(hangs, time_limit=0.3)

    assert verdict.causes == ("hangs",)
    assert "it did not return within 0.3 seconds" in str(verdict)
    assert time.perf_counter() - started < 30


def test_nan_is_wrong_and_not_called_an_overflow():
    verdict = check(nan)

    assert not verdict.ok
    assert "overflow" not in verdict.causes


def test_output_is_counted_and_not_shown(capsys):
    def prints(params, X, y, reg):
        print("x" * 100_000)
        return right(params, X, y, reg)

    verdict = check(prints)

    assert verdict.ok
    assert any(remark.startswith("it printed ") for remark in verdict.remarks)
    assert "x" * 100 not in capsys.readouterr().out
    assert len(str(verdict)) < 3000


def test_warnings_of_the_candidate_are_ignored(recwarn):
    def warns(params, X, y, reg):
        np.divide(1.0, np.zeros(1))
        return right(params, X, y, reg)

    assert check(warns).ok
    assert not recwarn.list


def test_a_candidate_writes_to_copies_alone():
    drawn = []

    def writes(params, X, y, reg):
        answer = right(params, X, y, reg)
        if X.flags.writeable:
            drawn.append(X)
            X *= 0
        return answer

    verdict = check(writes)

    assert verdict.causes == ("argument-mutated",)
    assert len({id(X) for X in drawn}) == len(drawn)


def test_an_interrupted_check_reports_what_it_has_found():
    calls = []

    def interrupts(params, X, y, reg):
        calls.append(1)
        if len(calls) == 30:
            _thread.interrupt_main()
            time.sleep(1)
        loss, grads = right(params, X, y, reg)
        return loss, {**grads, "b1": -grads["b1"]}

    verdict = check(interrupts)

    assert verdict.causes == ("sign-flipped",)
    assert 0 < verdict.problems < 20
    assert "interrupted after" in str(verdict)
