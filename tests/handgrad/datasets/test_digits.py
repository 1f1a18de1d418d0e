import hashlib
import os

import numpy as np

import handgrad.datasets
from handgrad.datasets import digits

# of the pixels and the labels, as bytes, in scikit-learn's copy of the UCI repository's file
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_the_digits_are_the_published_ones():
    X, y = digits()

    assert hashlib.sha256((16 * X).astype(np.uint8).tobytes() + y.astype(np.uint8).tobytes()).hexdigest() == SHA256


def test_a_digit_is_64_pixels_in_sixteenths_of_ink():
    X, y = digits()

    assert (X.shape, X.dtype) == ((1797, 64), np.float64)
    assert (y.shape, y.dtype) == ((1797,), np.int64)
    assert np.array_equal(np.unique(16 * X), np.arange(17))


def test_the_classes_have_the_published_sizes():
    _, y = digits()

    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_each_call_returns_new_arrays():
    X, y = digits()
    X[:], y[:] = -1, -1

    assert all((a >= 0).all() for a in digits())


def test_the_licence_travels_with_the_data():
    with open(os.path.join(os.path.dirname(handgrad.datasets.__file__), "digits.LICENSE.txt")) as file:
        text = file.read()

    assert "10.24432/C50P49" in text
    assert "CC BY 4.0" in text
