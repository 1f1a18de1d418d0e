"""The arrays in an ``.npz`` file, read without running, evaluating or decompressing anything in it."""

import os
import re
from io import BufferedReader

import numpy as np

from handgrad.arrays.namespace import Array

__all__ = ["read_npz"]

#: The header that :func:`numpy.save` writes: magic bytes, version 1.0, header length, header.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|][biufU][0-9]{1,9})', 'fortran_order': (False|True), "
    rb"'shape': \(([0-9, ]*)\), \} *\n",
    re.DOTALL,
)


def read_npz(file: BufferedReader) -> dict[str, Array]:
    """Return the arrays of an ``.npz`` file by name: numbers and strings, as :func:`numpy.savez` writes them.

    Memory stays within a small multiple of the file's size, whatever the file claims to hold. So files of
    ``np.savez_compressed``, which can unpack to a thousand times their size, are refused.

    Raises
    ------
    ValueError
        If an entry is compressed, is not an array of numbers or strings, or does not have the size in its header.
    Exception
        Of other types, if the file is not a zip archive or is damaged.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from handgrad.files.npz import read_npz
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "two.npz")
    ...     np.savez(path, a=np.arange(3), b=np.ones((1, 2)))
    ...     with open(path, "rb") as file:
    ...         read_npz(file)
    {'a': array([0, 1, 2]), 'b': array([[1., 1.]])}

    References
    ----------
    NumPy enhancement proposal 1, the NPY format; an ``.npz`` file is a zip archive of such files.
    """
    import zipfile  # here, as it would take a good part of handgrad's import time

    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ValueError(f"entry {entry.filename[:80]!r} must be stored uncompressed")
        if (claimed := sum(entry.file_size for entry in entries)) > size:  # several entries may share their bytes
            raise ValueError(f"entries claim {claimed} bytes, but the file has only {size}")
        arrays = {e.filename.removesuffix(".npy"): _parse(e.filename, archive.read(e)) for e in entries}
    if len(arrays) < len(entries):
        raise ValueError(f"entries must have different names, got {len(arrays)} names for {len(entries)} entries")
    return arrays


def _parse(name: str, content: bytes) -> Array:
    header = _HEADER.match(content)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError(f"entry {name[:80]!r} must be an array of numbers or strings")
    dtype, shape = np.dtype(header[2].decode()), tuple(int(n) for n in header[4].split(b",") if n.strip())
    a = np.frombuffer(content, dtype, offset=header.end())  # the bytes that exist, whatever the header claims
    return a.reshape(shape, order="F" if header[3] == b"True" else "C").copy("K")
