import contextlib
import gzip
import os
import re
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad.datasets import mnist
from handgrad.datasets.mnist import read_idx

TYPES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
RNG = np.random.default_rng(0)
PARTS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (5, 28, 28), np.uint8),
    "train-labels-idx1-ubyte": np.array([0, 9, 4, 1, 9], np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (2, 28, 28), np.uint8),
    "t10k-labels-idx1-ubyte": np.array([7, 2], np.uint8),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("mnist") / "idx"


packings = pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])


def header(shape, dtype=0x08):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, dtype, len(shape), *shape)


def idx(a):
    return header(a.shape, TYPES[a.dtype.name]) + a.astype(a.dtype.newbyteorder(">")).tobytes()


def write(folder, ending="", pack=bytes, **changed):
    """Write MNIST's four files, some of them changed: train_images=…"""

    for name, a in PARTS.items():
        a = changed.get("_".join(name.split("-")[:2]), a)
        (folder / (name + ending)).write_bytes(pack(idx(a)))


@contextlib.contextmanager
def little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@given(
    hnp.arrays(st.sampled_from(list(TYPES)), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)),
    st.booleans(),
)
def test_any_array_comes_back_bit_for_bit_in_native_order(path, a, packed):
    path.write_bytes(gzip.compress(idx(a)) if packed else idx(a))

    read = read_idx(path)

    assert (read.shape, read.dtype) == (a.shape, a.dtype)
    assert read.dtype.isnative
    assert read.tobytes() == a.tobytes()
    assert read.flags.writeable


@pytest.mark.parametrize(
    ("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".gz", bytes)], ids=["plain", "gz", "gz in name only"]
)
@pytest.mark.parametrize("dot", [False, True])
def test_images_come_as_rows_of_pixels_in_either_spelling(tmp_path, ending, pack, dot):
    write(tmp_path, ending, pack)
    if dot:
        for file in tmp_path.iterdir():
            file.rename(tmp_path / file.name.replace("-idx", ".idx"))

    for path in (tmp_path, str(tmp_path)):
        X_train, y_train, X_test, y_test = mnist(path)

        for X, y, part in [(X_train, y_train, "train"), (X_test, y_test, "t10k")]:
            images, labels = PARTS[f"{part}-images-idx3-ubyte"], PARTS[f"{part}-labels-idx1-ubyte"]
            assert (X.dtype, y.dtype) == (np.uint8, np.int64)
            assert np.array_equal(X, images.reshape(len(images), 784))
            assert np.array_equal(y, labels)


@pytest.mark.parametrize("name", PARTS)
def test_a_missing_file_is_named_with_its_folder_and_its_spellings(tmp_path, name):
    write(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(FileNotFoundError) as caught:
        mnist(tmp_path)

    for part in (tmp_path, name, f"{name}.gz", name.replace("-idx", ".idx")):
        assert str(part) in str(caught.value)


def test_a_missing_idx_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


WHOLE = idx(np.arange(6, dtype=np.int16).reshape(2, 3))  # 4 + 8 bytes of header, 12 of data


@pytest.mark.parametrize("length", range(len(WHOLE)))
@packings
def test_a_file_cut_short_anywhere_is_refused(path, length, pack):
    path.write_bytes(pack(WHOLE[:length]))

    with pytest.raises(ValueError, match=re.escape(f"{path} is not an idx file or is damaged: it")):
        read_idx(path)


def test_a_gz_file_cut_short_anywhere_is_refused(path):
    whole = gzip.compress(WHOLE)

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=re.escape(f"{path} is not an idx file or is damaged: ")):
            read_idx(path)


def test_no_changed_byte_of_a_gz_file_changes_what_is_read(path):
    whole = gzip.compress(WHOLE)
    expected = np.arange(6).reshape(2, 3)

    for at in range(len(whole)):
        for bit in (0, 3, 7):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            with contextlib.suppress(ValueError):  # or it is the date, say
                assert np.array_equal(read_idx(path), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((2, 3)) + bytes(5), "its shape (2, 3) of uint8 takes 6 bytes, got "),
        (header((2, 3)) + bytes(7), "its shape (2, 3) of uint8 takes 6 bytes, got at least 7"),
        (header((2,), 0x0E) + bytes(15), "its shape (2,) of float64 takes 16 bytes, got "),
        (header((2, 3))[:-1], "its 2 dimensions take 8 bytes, got 7"),
        (header((2,), 0x0A) + bytes(2), "begin with 00 00, a dtype and a number of dimensions, got 00 00 0a 01"),
        (b"\x01" + header((2,))[1:] + bytes(2), "got 01 00 08 01"),
        (b"PNG", "got 50 4e 47"),
        (b"", "got "),
    ],
)  # fmt: skip
@packings
def test_a_foreign_file_is_refused_with_what_it_must_hold_and_what_it_holds(path, content, message, pack):
    path.write_bytes(pack(content))

    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("shape", [(2**20, 2**20), (2**32 - 1,) * 255, (2**32 - 1, 2**32 - 1, 0), (1,) * 65])
@packings
def test_a_claim_of_2_to_the_40_bytes_is_refused_before_memory_is_allocated(path, shape, pack):
    path.write_bytes(pack(header(shape) + bytes(28)))

    with little_memory(), pytest.raises(ValueError, match="idx is not an idx file"):
        read_idx(path)


def test_a_gz_file_of_more_than_a_gigabyte_must_be_decompressed_first(path):
    path.write_bytes(gzip.compress(header((2**30,)), 0) + RNG.bytes(2**21))

    with little_memory(), pytest.raises(ValueError, match=r"got at most 1073741816; decompress the file first$"):
        read_idx(path)


def test_a_gz_file_is_decompressed_no_further_than_its_header_says(path):
    path.write_bytes(gzip.compress(header((10,)) + bytes(2**25)))

    with little_memory(), pytest.raises(ValueError, match="takes 10 bytes, got at least 11"):
        read_idx(path)


def test_a_file_at_the_best_possible_compression_is_read(path):
    a = np.zeros(2**24, np.uint8)
    path.write_bytes(gzip.compress(idx(a)))

    assert path.stat().st_size * 1000 < a.size
    assert np.array_equal(read_idx(path), a)


@given(st.binary(max_size=60), st.sampled_from([b"", b"\0\0\x08\x01", b"\0\0\x0e\x02\0\0\0\x01", b"\x1f\x8b\x08\0"]))
def test_random_bytes_are_read_or_refused(path, content, start):
    path.write_bytes(start + content)

    with contextlib.suppress(ValueError):
        assert isinstance(read_idx(path), np.ndarray)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_images": np.zeros((5, 28, 27), np.uint8)}, "train-images-idx3-ubyte must hold images (N, 28, 28)"),
        ({"train_images": np.zeros((5, 28, 28), np.int8)}, "of uint8, got (5, 28, 28) of int8"),
        ({"t10k_images": np.zeros((5, 784), np.uint8)}, "t10k-images-idx3-ubyte must hold images (N, 28, 28)"),
        ({"t10k_images": np.zeros((), np.uint8)}, "got () of uint8"),
        ({"t10k_images": np.zeros((0, 28, 28), np.uint8), "t10k_labels": np.zeros(0, np.uint8)}, "got (0, 28, 28)"),
        ({"train_labels": np.zeros(4, np.uint8)}, "train-labels-idx1-ubyte must hold labels (5,)"),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, "must hold labels (5,) of uint8, got (5, 1)"),
        ({"t10k_labels": np.zeros(2, np.int32)}, "labels (2,) of uint8, got (2,) of int32"),
        ({"t10k_labels": np.array([9, 10], np.uint8)}, "t10k-labels-idx1-ubyte: labels must be in [0, 10), got 10"),
    ],
)  # fmt: skip
def test_arrays_that_are_not_mnist_are_refused(tmp_path, changed, message):
    write(tmp_path, **changed)

    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        mnist(tmp_path)
    assert str(caught.value).startswith(str(tmp_path) + os.sep)
