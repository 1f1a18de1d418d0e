import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.datasets import train_test_split

sizes = st.integers(2, 50)
fractions = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**32)


def split(N, fraction, seed):
    """Split N examples, each marked with its number."""
    n = np.arange(N)
    return train_test_split(
        np.stack([n, -n], axis=1), n.astype(np.uint8), test_fraction=fraction, rng=np.random.default_rng(seed)
    )


def has_two_parts(N, fraction):
    return 0 < round(N * fraction) < N


@given(st.tuples(sizes, fractions).filter(lambda problem: has_two_parts(*problem)), seeds)
def test_each_example_is_in_exactly_one_part_with_its_own_label(problem, seed):
    X_train, y_train, X_test, y_test = split(*problem, seed)

    assert sorted([*y_train, *y_test]) == list(range(problem[0]))
    for X, y in [(X_train, y_train), (X_test, y_test)]:
        assert y.dtype == np.uint8
        assert np.array_equal(X[:, 0], y)
        assert np.array_equal(X[:, 1], -X[:, 0])


@pytest.mark.parametrize(("N", "fraction", "n"), [(1797, 0.25, 449), (100, 0.07, 7), (4, 0.25, 1), (2, 0.3, 1)])
def test_the_fraction_is_rounded_to_the_nearest_number_of_examples(N, fraction, n):
    _, _, X_test, y_test = split(N, fraction, 0)

    assert (len(X_test), len(y_test)) == (n, n)


def test_a_quarter_is_the_default():
    _, _, _, y_test = train_test_split(np.ones((8, 1)), np.ones(8), rng=np.random.default_rng(0))

    assert len(y_test) == 2


@given(seeds)
def test_the_seed_determines_the_split(seed):
    first, again, other = (split(50, 0.5, s) for s in (seed, seed, seed + 1))

    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[3], other[3])


def test_every_example_is_equally_likely_to_be_in_the_test_set():
    times = np.zeros(8)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        times[train_test_split(np.arange(8), np.arange(8), rng=rng)[3]] += 1

    assert times.sum() == 2000
    assert (abs(times - 250) < 6 * np.sqrt(1000 * 0.25 * 0.75)).all()  # six standard deviations


def test_the_parts_are_copies():
    X, y = np.arange(10.0), np.arange(10)

    parts = train_test_split(X, y, rng=np.random.default_rng(0))

    assert not any(np.shares_memory(part, a) for part in parts for a in (X, y))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, got int"),
        ({"rng": np.random.RandomState(0)}, TypeError, "rng must be a numpy.random.Generator, got RandomState"),
        ({"y": np.zeros(3)}, ValueError, "y must have 4 labels, one per example, got 3"),
        ({"test_fraction": 0.0}, ValueError, "test_fraction must be in (0, 1), got 0.0"),
        ({"test_fraction": 1}, ValueError, "test_fraction must be in (0, 1), got 1"),
        ({"test_fraction": np.nan}, ValueError, "test_fraction must be in (0, 1), got nan"),
        ({"test_fraction": 0.1}, ValueError, "got 4 for training and 0 for testing"),
        ({"test_fraction": 0.9}, ValueError, "got 0 for training and 4 for testing"),
        ({"X": np.zeros((0, 2)), "y": np.zeros(0)}, ValueError, "got 0 for training and 0 for testing"),
    ],
)
def test_invalid_arguments_are_refused(arguments, error, message):
    given_ = {"X": np.zeros((4, 2)), "y": np.zeros(4), "rng": np.random.default_rng(0), **arguments}

    with pytest.raises(error, match=re.escape(message)):
        train_test_split(given_.pop("X"), given_.pop("y"), **given_)
