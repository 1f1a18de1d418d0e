"""What pullbacks keep, each array once under its name, and what of it the way back reads."""

import numpy as np
import pytest

from handgrad import RULES
from handgrad.graph import apply, trace
from handgrad.graph.inspection.saved_arrays import track_reads


def names(kept):
    return [k.name for k in kept]


def step_called(steps, name):
    (step,) = (step for step in steps if step.name == name)
    return step


def test_kept_bytes_of_the_network_are_those_counted_by_hand(network):
    kept = {k.name.removeprefix("its own array "): k.nbytes for k in network.kept}

    assert kept == {
        **{"X": 5 * 4 * 8, "W1": 4 * 10 * 8, "v1": 5 * 10 * 8, "b1": 10 * 8, "z1": 5 * 10 * 8},
        **{"h1": 5 * 10 * 8, "W2": 10 * 3 * 8, "v2": 5 * 3 * 8, "b2": 3 * 8},
        **{"e": 5 * 3 * 8, "e_y": 5 * 8, "rest": 5 * 8, "is_label": 5 * 3},
        **{"v3": 8, "v4": 8, "L": 8, "R": 8},
    }


def test_what_is_kept_for_its_shape_alone_is_not_reused(network):
    uses = {step.name: names(step.uses) for step in network.backward if step.node.rule}

    assert uses["v1"] == ["X"]  # W1 would be for dX, which nobody asked for
    assert uses["z1"] == uses["s"] == uses["R"] == []  # a sum's derivative depends on nothing
    assert uses["h1"] == ["z1"]
    assert uses["v2"] == ["h1", "W2"]
    assert uses["v3"] == ["W1"]
    assert len(uses["L"]) == 4
    assert {id(k.array) for k in network.used} < {id(k.array) for k in network.kept}


def test_an_array_that_several_pullbacks_keep_is_counted_once():
    traced = trace(lambda x: np.sum(x * x * np.exp(x)), np.ones(3))

    assert [(k.name, k.nbytes) for k in traced.kept] == [("x", 24), ("v1", 24), ("v2", 24), ("v3", 24)]


def test_a_view_that_is_kept_counts_as_the_array_that_it_shows():
    def last(x):
        end = x[-1:]

        def backward(dz):
            return (np.array([0.0, 0.0, 1.0]) * (end * 0 + dz),)

        return end, backward

    step = trace(lambda x: np.sum(apply(last, x)), np.ones(3)).steps[1]

    assert [(k.name, k.nbytes) for k in step.keeps] == [("x", 24)]


def test_one_entry_that_is_read_makes_an_array_reused():
    def first(x):
        return x[0] ** 2, lambda dz: (dz * np.array([2 * float(x[0]), 0.0]),)

    step = trace(lambda x: apply(first, x), np.array([3.0, 4.0])).backward[0]

    assert names(step.uses) == ["x"]


def test_what_a_pullback_of_a_pullback_keeps_is_found():
    z = np.array([-1.0, 2.0])

    forward, backward = trace(lambda z: np.sum(apply(RULES["selu"], z)), z).steps[1:4:2]

    assert forward.operation == "selu"
    assert names(forward.keeps) == ["its own array negative", "z"]
    assert backward.name == "v2"


def test_masks_and_indices_are_kept_by_their_keywords_or_arguments_name():
    traced = trace(lambda x, i: np.sum(np.where(x[i] > 0, x[i], 0.0)), np.ones(3), np.array([0, 2]))

    assert names(step_called(traced.forward, "v1").keeps) == ["i", "x"]
    assert names(step_called(traced.forward, "v2").keeps)[0] == "condition"
    assert names(step_called(traced.backward, "v1").uses) == ["i"]


def test_a_number_that_is_read_as_pythons_is_reused():
    def square(x):
        return x**2, lambda dz: (dz * 2 * float(x),)

    assert names(trace(lambda x: apply(square, x), 3.0).backward[0].uses) == ["x"]


def test_what_is_read_through_a_view_is_reused_and_its_shape_alone_is_not():
    def total(read):
        def rule(x):
            return np.sum(x), lambda dz: (read(x) * np.full(3, dz),)

        return trace(lambda x: apply(rule, x), np.ones(3)).backward[0].uses

    assert names(total(lambda x: x[::-1])) == ["x"]
    assert names(total(lambda x: x.reshape(3, 1)[:, 0])) == ["x"]
    assert names(total(lambda x: x.size / 3)) == []


def test_a_pullback_holds_what_it_held_though_it_fails_while_it_is_watched():
    kept = np.ones(3)

    def backward(dz):
        raise RuntimeError(f"{type(kept).__name__}, {dz}")

    with pytest.raises(RuntimeError, match="_ReadTracker, 1"), track_reads(backward):
        backward(1)
    with pytest.raises(RuntimeError, match="ndarray, 2"):
        backward(2)
