import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad.files.npz import read_npz
from tests.tools.malformed_files import npy, npz


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("npz") / "arrays.npz"


def read(path):
    with open(path, "rb") as file:
        return read_npz(file)


dtypes = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(endianness="?"), hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"), hnp.unicode_string_dtypes(min_len=1, max_len=9),
)  # fmt: skip
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
arrays = st.one_of(hnp.arrays(dtypes, shapes), hnp.arrays(dtypes, shapes).map(np.asfortranarray))


@given(st.dictionaries(st.text("abW1/ é", min_size=1, max_size=6), arrays, max_size=4))
def test_what_numpy_writes_is_read_as_numpy_reads_it(path, written):
    np.savez(path, **written)

    found = read(path)

    with np.load(path, allow_pickle=False) as expected:
        assert list(found) == list(expected)
        for name, a in found.items():
            same = expected[name]
            assert (a.dtype, a.shape, a.flags.f_contiguous) == (same.dtype, same.shape, same.flags.f_contiguous)
            assert a.tobytes() == same.tobytes()
            assert a.flags.writeable


def test_compressed_entries_are_refused(path):
    np.savez_compressed(path, a=np.zeros(10))

    with pytest.raises(ValueError, match=r"entry 'a\.npy' must be stored uncompressed"):
        read(path)


def test_entries_that_share_their_bytes_are_refused(path):
    content = npz([("a.npy", npy(shape="(100,)", data=bytes(800)))])
    at, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    counts = (2).to_bytes(2, "little") * 2 + (2 * (end - at)).to_bytes(4, "little")
    path.write_bytes(content[:at] + content[at:end] * 2 + content[end : end + 8] + counts + content[end + 16 :])

    with pytest.raises(ValueError, match=f"entries claim 1856 bytes, but the file has only {len(content) + 51}"):
        read(path)


def test_two_entries_with_one_name_are_refused(path):
    path.write_bytes(npz([("a.npy", npy()), ("a.npy", npy())]))

    with pytest.raises(ValueError, match="entries must have different names, got 1 names for 2 entries"):
        read(path)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"text",
        npy()[:9],
        npy().replace(b"\x01\x00", b"\x02\x00", 1),
        npy().replace(b"\x76\x00", b"\x75\x00", 1),
        npy("'|O'"),
        npy("'|V8'"),
        npy("'<M8[ns]'"),
        npy("'<c16'"),
        npy("[('a', '<f8')]"),
        npy("__import__('os').abort()"),
        npy(shape="(-1,)"),
        npy(shape="(1.0,)"),
        npy(shape="[1]"),
        npy(order="0"),
    ],
    ids=lambda entry: str(entry[10:70]),
)
def test_everything_but_arrays_of_numbers_or_strings_is_refused_by_name(path, entry):
    assert npy()[8] == 0x76  # the length of the header, which one of them changes
    path.write_bytes(npz([("a.npy", npy()), ("b.npy", entry)]))

    with pytest.raises(ValueError, match=r"entry 'b\.npy' must be an array of numbers or strings"):
        read(path)


@pytest.mark.parametrize("shape", ["(2,)", "()", "(1, 2)", "(0,)", "(1099511627776,)", "(4294967296, 4294967296)"])
def test_a_shape_that_does_not_match_the_data_is_refused(path, shape):
    path.write_bytes(npz([("a.npy", npy(shape=shape, data=bytes(24)))]))

    with pytest.raises((ValueError, OverflowError)):
        read(path)


def test_a_changed_byte_is_refused(path):
    np.savez(path, a=np.arange(100))
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)

    with pytest.raises(zipfile.BadZipFile, match=re.escape("Bad CRC-32 for file 'a.npy'")):
        read(path)
