"""The arrays in an ``.npz`` file, read without running, parsing as Python or unpacking anything in it."""

import os
import re
from io import BufferedReader

import numpy as np

from handgrad.arrays.namespace import Array

__all__ = ["read_npz"]

#: What :func:`numpy.save` puts before an array: magic, version 1.0, the header's length, the header.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|][biufU][0-9]{1,9})', 'fortran_order': (False|True), "
    rb"'shape': \(([0-9, ]*)\), \} *\n",
    re.DOTALL,
)


def read_npz(file: BufferedReader) -> dict[str, Array]:
    """Return the arrays in an ``.npz`` file by name: numbers and strings, as :func:`numpy.savez` writes them.

    No more memory is taken than a small multiple of the file's own size, whatever it says that it holds. So
    ``np.savez_compressed``'s files, which may unpack to a thousand times their size, are refused.

    Raises
    ------
    ValueError
        If an entry is compressed, is no array of numbers or strings, or is shorter or longer than its header says.
    Exception
        Of other kinds, if it is no zip archive or is damaged.

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
    The NPY format, NumPy enhancement proposal 1, whose files an ``.npz`` is a zip archive of.
    """
    import zipfile  # here, as it would be a good part of what importing handgrad costs

    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ValueError(f"its entry {entry.filename[:80]!r} is compressed, expected it stored as it is")
        if (claimed := sum(entry.file_size for entry in entries)) > size:  # the same bytes under several names, say
            raise ValueError(f"its entries expected {claimed} bytes together, found a file of {size}")
        arrays = {e.filename.removesuffix(".npy"): _parse(e.filename, archive.read(e)) for e in entries}
    if len(arrays) < len(entries):
        raise ValueError(f"it has {len(entries)} entries under {len(arrays)} names, expected one under each")
    return arrays


def _parse(name: str, content: bytes) -> Array:
    header = _HEADER.match(content)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError(f"its entry {name[:80]!r} expected an array of numbers or strings, found something else")
    dtype, shape = np.dtype(header[2].decode()), tuple(int(n) for n in header[4].split(b",") if n.strip())
    a = np.frombuffer(content, dtype, offset=header.end())  # the bytes that are there, whatever the header claims
    return a.reshape(shape, order="F" if header[3] == b"True" else "C").copy("K")
