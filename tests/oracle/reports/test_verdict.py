"""The verdict as text, as JSON and as an exception: what is wrong, why, and how to see it."""

import json
import re

import numpy as np
import pytest

import oracle
from handgrad import two_layer
from oracle.diagnosis import VOCABULARY, DetectionPower, Explanation
from oracle.reports.verdict import Finding, Verdict
from oracle.rounding.bounds import Comparison

right = two_layer.loss_and_grad


def changed(name, change):
    """Return the right answer with one gradient changed: change(gradient, X)."""

    def candidate(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        return loss, {**grads, name: change(grads[name], X)}

    return candidate


@pytest.fixture(scope="module")
def averaged():
    return oracle.check(changed("b1", lambda g, X: g / len(X)), "two_layer")


def verdict_of(*findings, **rest):
    return Verdict("two_layer", problems=100, failed=len(findings), seed=None, seconds=1.0, findings=findings, **rest)


def finding(array, **rest):
    return Finding(array, f"{array} is wrong", problems=1, **rest)


def test_the_text_of_a_right_verdict_says_on_what_and_what_it_could_have_shown():
    power = DetectionPower(20, 19, (("l2-doubled", "reg W"),), 1e-9)
    lines = str(verdict_of(unseen=("a batch of one",), notes=("one",), remarks=("two",), power=power)).splitlines()

    assert lines == [
        "two_layer: correct on 100 problems, 1.0 s",
        "  note: one",
        "  note: two",
        "  not covered: a batch of one",
        "  detection power: 19 of 20 planted mistakes show; so does an error in one entry of 1e-09 of the largest",
    ]


def test_the_text_shows_two_findings_and_names_the_other_arrays_once():
    findings = [finding("W1", pattern="one column"), finding("b1"), finding("W2"), finding("W2"), finding("b1")]

    lines = str(verdict_of(*findings)).splitlines()

    assert lines[1:4] == ["  W1 is wrong (one column)", "  b1 is wrong", "  also wrong: W2"]


def test_the_text_names_the_cause_where_it_shows_and_what_explains_it_as_well():
    cause = Explanation("factor-wrong", "2 dW", ("W1", "b1"), 1, ("N = 1",), (("l2-doubled", "reg W"),))
    verdict = verdict_of(finding("W1"), explanations=(cause,), when=("D = 1", "H = 1"), stage="dz1")

    text = " ".join(str(verdict).split())

    assert verdict.causes == ("factor-wrong", "l2-doubled")
    assert f"cause: factor-wrong: {VOCABULARY['factor-wrong'].sentence} [W1, b1: 2 dW] Only where N = 1." in text
    assert "Or l2-doubled: reg W explains it as well." in text
    assert "only where D = 1 and where H = 1 first wrong stage: dz1" in text
    assert max(map(len, str(verdict).splitlines())) <= 118


def test_one_mistake_takes_at_most_15_lines_above_its_snippet(averaged):
    assert len(str(averaged).removesuffix(averaged.snippet).splitlines()) <= 15
    assert str(averaged).endswith(averaged.snippet)


def test_json_has_the_numbers_of_each_finding():
    comparison = Comparison("W1", (1, 2), 3.0, 1.0, 0.5)

    first, second = verdict_of(finding("W1", comparison=comparison), finding("grads")).to_json()["findings"]

    assert first["entry"] == [1, 2]
    assert (first["returned"], first["right"], first["error"], first["bound"]) == (3.0, 1.0, 2.0, 0.5)
    assert "entry" not in second


def test_the_entry_is_named_with_its_value_and_the_right_one():
    def off(g, X):
        g = g.copy()
        g[-1, -1] += 1
        return g

    verdict = oracle.check(changed("W2", off), "two_layer", dtypes=[np.float64])

    first = verdict.findings[0]
    assert first.array == "W2"
    assert first.comparison.given == pytest.approx(first.comparison.expected + 1)
    assert re.search(r"W2\[\d, \d\] is .*, expected .*: the error 1\.0e\+00 exceeds the bound", str(verdict))
    assert verdict.causes == ()
    assert "none of the known mistakes explains it" in str(verdict)


def test_the_snippet_shows_the_mistake_with_numpy_alone():
    candidate = changed("b2", lambda g, X: -g)
    verdict = oracle.check(candidate, "two_layer")
    printed = []

    exec(verdict.snippet, {"candidate": candidate, "print": printed.append})

    returned, expected = re.search(r"# (\S+), and right is (\S+)$", verdict.snippet).groups()
    assert printed == [float(returned)]
    assert float(returned) == pytest.approx(-float(expected))


def test_the_verdict_as_json_has_everything(averaged):
    record = json.loads(json.dumps(averaged.to_json()))

    assert record["causes"] == ["bias-averaged"]
    assert record["findings"][0]["array"] == "b1"
    assert record["explanations"][0]["sentence"] == VOCABULARY["bias-averaged"].sentence


def test_raise_if_wrong_and_assert_gradients_raise_the_verdict():
    wrong = changed("b1", lambda g, X: 2 * g)

    oracle.check(right, "two_layer", examples=10).raise_if_wrong()
    oracle.assert_gradients(right, "two_layer", examples=10)
    with pytest.raises(oracle.WrongGradient, match="factor-wrong"):
        oracle.check(wrong, "two_layer").raise_if_wrong()
    with pytest.raises(AssertionError, match="two_layer: WRONG on"):
        oracle.assert_gradients(wrong, "two_layer")
