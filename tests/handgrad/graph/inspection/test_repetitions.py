import pytest

from handgrad.graph.inspection.repetitions import Repetition, repetitions


def layers(*sequences):
    """Return labels and reads of one chain of operations, each reading the one before."""
    labels = [label for times, sequence in sequences for _ in range(times) for label in sequence]
    return labels, [[i - 1] for i in range(len(labels))]


def test_a_repeated_sequence_is_found_once_with_its_shortest_period():
    assert repetitions(*layers((6, "abc"), (1, "d"))) == [Repetition(0, 3, 6)]


def test_two_repetitions_in_one_sequence_are_both_found():
    assert repetitions(*layers((1, "x"), (3, "ab"), (1, "y"), (4, "c"))) == [Repetition(1, 2, 3), Repetition(8, 1, 4)]


def test_a_repetition_is_found_before_much_that_is_none():
    assert repetitions(*layers((2, "ab"), (1, "cdefghijkl"))) == [Repetition(0, 2, 2)]


def test_what_is_left_over_of_a_repetition_is_no_part_of_it():
    labels, reads = layers((3, "ab"), (1, "a"))

    assert repetitions(labels, reads) == [Repetition(0, 2, 3)]
    assert Repetition(0, 2, 3).end == len(labels) - 1


@pytest.mark.parametrize("labels", ["", "a", "aa", "ab", "abc", "abca"])
def test_fewer_than_three_operations_and_what_is_not_repeated_are_left_alone(labels):
    assert repetitions(*layers((1, labels))) == []


def test_operations_side_by_side_are_no_repetition():
    assert repetitions("aaaa", [[-1]] * 4) == []


def test_only_the_second_time_may_read_a_stretch_where_the_one_before_read_from_elsewhere():
    gated = [[-1, -1], [0, -1], [1, -1], [2, -1], [3, -1]]  # each reads the one before and a leaf

    assert repetitions("aaaaab", [*gated, [4]]) == [Repetition(0, 1, 5)]
    assert repetitions("aaaaab", [*gated[:4], [3, 0], [4]]) == [Repetition(0, 1, 4)]  # the fifth no leaf, but the first


def test_a_skip_within_the_sequence_is_the_same_one_each_time():
    residual = [[-1], [0, -1], [1], [2, 1], [3], [4, 3]]  # h + a(h), the first h from elsewhere

    assert repetitions("abababc", [*residual, [5]]) == [Repetition(0, 2, 3)]
    assert repetitions("abababc", [*residual[:5], [4, 1], [5]]) == [Repetition(0, 2, 2)]  # the third skips two


def test_a_long_chain_is_searched_in_a_moment():
    labels = [f"{i}" for i in range(3000)]

    assert repetitions(*layers((1, labels), (1000, "ab"))) == [Repetition(3000, 2, 1000)]
