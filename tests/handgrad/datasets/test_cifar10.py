import contextlib
import os
import pickle
import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad.datasets import cifar10

NAMES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
RNG = np.random.default_rng(0)
BATCHES = [(RNG.integers(0, 256, (n, 3072), np.uint8), RNG.integers(0, 10, n)) for n in (3, 1, 2, 2, 1, 2)]


def binary(X, y):
    return np.column_stack([y.astype(np.uint8), X]).tobytes()


def python2(X, y):
    """Return what Python 2's cPickle writes, as the distributed files were written: protocol 2, bytes as text."""

    return b"".join(
        [
            b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03",
            b"U\x06labelsq\x04]q\x05(" + b"".join(b"K%c" % label for label in y) + b"e",
            b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x0e",
            b"(K\x01" + struct.pack("<BHBH", ord("M"), len(X), ord("M"), X.shape[1]) + b"\x86",
            b"cnumpy\ndtype\nq\x0fU\x02u1K\x00K\x01\x87Rq\x10",
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + struct.pack("<i", X.size) + X.tobytes() + b"tb",
            b"U\x09filenamesq\x11]q\x12(" + b"U\x07cat.png" * len(X) + b"eu.",
        ]
    )


def python3(protocol, order):
    return lambda X, y: pickle.dumps({b"data": np.asarray(X, order=order), b"labels": [int(n) for n in y]}, protocol)


PICKLED = {
    "python 2": python2,
    **{f"protocol {p} {order}": python3(p, order) for p in (2, 3, 4, 5) for order in "CF"},
}
FORMS = {"binary": binary, **PICKLED}


def write(folder, form, batches=BATCHES):
    folder.mkdir(exist_ok=True)
    for name, batch in zip(NAMES, batches):
        (folder / (name + ".bin" * (form == "binary"))).write_bytes(FORMS[form](*batch))


@pytest.fixture(scope="module")
def last_batch(tmp_path_factory):
    """Return the last file of a set, for tests to overwrite."""
    folder = tmp_path_factory.mktemp("cifar10")
    write(folder, "python 2")
    return folder / "test_batch"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subfolder", ["", "cifar-10-batches-bin", "cifar-10-batches-py"])
def test_images_come_as_rows_in_the_batches_order_from_either_version(tmp_path, form, subfolder):
    write(tmp_path / subfolder, form)

    for path in (tmp_path, str(tmp_path)):
        X_train, y_train, X_test, y_test = cifar10(path)

        assert np.array_equal(X_train, np.concatenate([X for X, _ in BATCHES[:5]]))
        assert np.array_equal(y_train, np.concatenate([y for _, y in BATCHES[:5]]))
        assert np.array_equal(X_test, BATCHES[5][0])
        assert np.array_equal(y_test, BATCHES[5][1])
        for X, y in [(X_train, y_train), (X_test, y_test)]:
            assert (X.dtype, y.dtype) == (np.uint8, np.int64)
            assert X.flags.c_contiguous
            assert X.flags.writeable


@given(
    st.sampled_from(list(PICKLED)),
    hnp.arrays(np.uint8, (2, 3072)),
    hnp.arrays(np.int64, 2, elements=st.integers(0, 9)),
)
def test_any_batch_comes_back(last_batch, form, X, y):
    last_batch.write_bytes(PICKLED[form](X, y))

    _, _, X_test, y_test = cifar10(last_batch.parent)

    assert np.array_equal(X_test, X)
    assert np.array_equal(y_test, y)


@pytest.mark.parametrize("form", PICKLED)
def test_pickles_are_read_as_python_reads_them(last_batch, form):
    last_batch.write_bytes(PICKLED[form](*BATCHES[0]))
    batch = pickle.loads(last_batch.read_bytes(), encoding="bytes")

    _, _, X_test, y_test = cifar10(last_batch.parent)

    assert np.array_equal(X_test, batch[b"data"])
    assert np.array_equal(y_test, batch[b"labels"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["binary", "python 2"])
def test_the_error_for_a_missing_file_names_the_folder_and_all_the_files(tmp_path, form, name):
    write(tmp_path, form)
    (tmp_path / (name + ".bin" * (form == "binary"))).unlink()

    with pytest.raises(FileNotFoundError) as caught:
        cifar10(tmp_path)

    for part in (tmp_path, *NAMES, ".bin", "cifar-10-batches-bin", "cifar-10-batches-py"):
        assert str(part) in str(caught.value)


@pytest.mark.parametrize("size", [0, 1, 3072, 3074, 2 * 3073 - 1])
def test_a_binary_file_that_is_not_whole_records_is_refused_with_its_size(tmp_path, size):
    write(tmp_path, "binary")
    (tmp_path / "data_batch_3.bin").write_bytes(bytes(size))

    message = rf"data_batch_3.bin .* is damaged: it must hold records of 3073 bytes, .* got {size} bytes"
    with pytest.raises(ValueError, match=message):
        cifar10(tmp_path)


@pytest.mark.parametrize("form", ["python 2", "protocol 3 C", "protocol 4 C", "protocol 5 C"])
def test_a_pickle_cut_short_anywhere_is_refused(last_batch, form):
    whole = PICKLED[form](*BATCHES[1])
    for length in [*range(250), 1000, 2000, 3000, *range(len(whole) - 60, len(whole))]:
        last_batch.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="test_batch is not a CIFAR-10 batch or is damaged: "):
            cifar10(last_batch.parent)


def test_bytes_after_the_end_of_a_pickle_are_refused(last_batch):
    last_batch.write_bytes(python2(*BATCHES[0]) + b"\0")

    with pytest.raises(ValueError, match=r"test_batch is not a CIFAR-10 batch or is damaged: it ends at byte \d+"):
        cifar10(last_batch.parent)


@pytest.mark.parametrize("form", ["binary", "python 2"])
@pytest.mark.parametrize("label", [10, 255])
def test_a_label_out_of_range_is_refused(tmp_path, form, label):
    write(tmp_path, form, [*BATCHES[:5], (BATCHES[5][0], np.array([3, label]))])

    with pytest.raises(ValueError, match=rf"test_batch.* labels must be in \[0, 10\), got 3 to {label}"):
        cifar10(tmp_path)


X = np.zeros((2, 3072), np.uint8)
MUST = "it must hold a dict of data, an array (N, 3072) of uint8, and labels, a list of N int"


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({b"data": X, b"labels": [1]}, "it must hold 2 labels and 6144 pixels, got 1 and 6144"),
        ({b"data": X, b"labels": [1, 2, 3]}, "it must hold 2 labels and 6144 pixels, got 3 and 6144"),
        ({b"data": X, b"labels": [1, -1]}, "labels must be in [0, 10), got -1 to 1"),
        ({b"data": X, b"labels": [1, 2**70]}, "too large"),
        ({b"data": X, b"labels": [1, None]}, MUST),
        ({b"data": X, b"labels": [1, "2"]}, MUST),
        ({b"data": X, b"labels": [1, [2]]}, MUST),
        ({b"data": X, b"labels": 3}, MUST),
        ({b"data": X, b"labels": "12"}, MUST),
        ({b"data": X, b"labels": np.array([1, 2])}, MUST),
        ({b"data": X, b"fine_labels": [1, 2]}, MUST),  # CIFAR-100
        ({b"labels": [1, 2]}, MUST),
        ({b"data": X.tolist(), b"labels": [1, 2]}, MUST),
        ({b"data": X.tobytes(), b"labels": [1, 2]}, MUST),
        ({b"data": X.view(np.int8), b"labels": [1, 2]}, MUST),
        ({b"data": X.astype(np.float32), b"labels": [1, 2]}, MUST),
        ({b"data": np.array([[None] * 3072] * 2), b"labels": [1, 2]}, MUST),
        ({b"data": X[:, :3071].copy(), b"labels": [1, 2]}, MUST),
        ({b"data": X.reshape(2, 3, 1024), b"labels": [1, 2]}, MUST),
        ({b"data": X[0], b"labels": [1]}, MUST),
        ([X, [1, 2]], MUST),
        (None, MUST),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_of_anything_else_is_refused(last_batch, protocol, batch, message):
    last_batch.write_bytes(pickle.dumps(batch, protocol))

    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        cifar10(last_batch.parent)
    assert str(caught.value).startswith(str(last_batch))


def test_a_pickle_of_no_images_is_refused(last_batch):
    last_batch.write_bytes(PICKLED["protocol 5 C"](X[:0], []))

    with pytest.raises(ValueError, match="it must hold 0 labels and 0 pixels, got 0 and 0"):
        cifar10(last_batch.parent)


class Command:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_code_in_a_file_is_named_and_not_run(last_batch, tmp_path):
    last_batch.write_bytes(pickle.dumps({b"data": X, b"labels": Command(f"touch {tmp_path / 'ran'}")}, 2))

    with pytest.raises(
        ValueError, match=rf"test_batch is not .* it refers to '{os.name}\.system', but may hold only NumPy"
    ):
        cifar10(last_batch.parent)
    assert not (tmp_path / "ran").exists()


def check_that_it_is_read_or_refused(last_batch, content):
    last_batch.write_bytes(content)
    with contextlib.suppress(ValueError):
        _, _, X_test, y_test = cifar10(last_batch.parent)
        assert X_test.shape == (len(y_test), 3072)
        assert y_test.min() >= 0
        assert y_test.max() <= 9


@given(st.binary(max_size=80), st.sampled_from([b"", b"\x80\x02", b"\x80\x02}q\x01(", b"\x80\x04\x95"]))
def test_random_bytes_are_read_or_refused(last_batch, content, start):
    check_that_it_is_read_or_refused(last_batch, start + content)


@given(st.sampled_from(list(PICKLED)), st.data())
def test_a_damaged_pickle_is_read_or_refused(last_batch, form, data):
    content = bytearray(PICKLED[form](*BATCHES[1]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, 300) | st.integers(len(content) - 100, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255) | st.sampled_from(b"(tRbcu}]e.KMTU\x85\x86\x87\x89N"))

    check_that_it_is_read_or_refused(last_batch, bytes(content))


@pytest.mark.parametrize("form", ["binary", "python 2"])
def test_a_far_too_large_file_is_refused_unread(tmp_path, form):
    write(tmp_path, form)
    with open(tmp_path / ("test_batch" + ".bin" * (form == "binary")), "r+b") as file:
        file.truncate(2**40)  # sparse: it takes no room on the disk

    with pytest.raises(ValueError, match=rf"test_batch.* it must hold 10,000 images in about 31 MB, got {2**40} bytes"):
        cifar10(tmp_path)
