"""MNIST, and other data in idx files. Nothing is downloaded."""

import math
import os
from io import BufferedIOBase, BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.files.untrusted import open_untrusted

__all__ = ["mnist", "read_idx"]

#: By their code in the format.
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: Decompressed bytes per compressed byte, at most: https://zlib.net/zlib_tech.html
_MAX_DEFLATE_RATIO = 1032
#: Of a compressed file, decompressed: 22 times MNIST. A file of 10 MB could decompress to ten times as much.
_MAX_BYTES = 2**30


def mnist(
    path: str | os.PathLike[str],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Return MNIST, or a data set in the same format such as Fashion-MNIST, from its four files in the folder ``path``.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, with or without ``.gz``. They may be spelled with ``.idx`` for ``-idx``.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    X_train, X_test : (60000, 784) and (10000, 784) arrays, uint8
        Each row is an image of 28 × 28 pixels, row by row, as stored: 0 is background, 255 is ink. Divide by 255 for
        values in [0, 1]. Files with fewer images give fewer rows.
    y_train, y_test : (60000,) and (10000,) arrays, int64
        Labels in [0, 10).

    Raises
    ------
    FileNotFoundError
        If one of the files is missing.
    ValueError
        If a file is damaged or of another format, or the labels do not match the images.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import datasets
    >>> X_train, y_train, X_test, y_test = datasets.mnist("mnist")  # doctest: +SKIP
    >>> X = X_train / np.float32(255)  # doctest: +SKIP

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, http://yann.lecun.com/exdb/mnist.
    """
    return *_read_part(path, "train"), *_read_part(path, "t10k")


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the array in an idx file, plain or compressed with gzip.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    array
        Of the file's shape and dtype: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ValueError
        If it is damaged or of another format, holds fewer or more bytes than its header says, or decompresses to more
        than 2³⁰ bytes; decompress such a file yourself.

    Examples
    --------
    >>> import os, tempfile
    >>> from handgrad.datasets.mnist import read_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "labels-idx1-ubyte")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))  # 8: uint8, 1 dimension, of length 3
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)

    References
    ----------
    The IDX file format, http://yann.lecun.com/exdb/mnist.
    """
    with open_untrusted(path, "is not an idx file or is damaged") as file:
        return _parse(file)


def _parse(file: BufferedReader) -> NDArray[Any]:
    stream: BufferedIOBase = file
    hint, size = "", os.fstat(file.fileno()).st_size
    if file.peek(2)[:2] == b"\x1f\x8b":  # not by name: browsers decompress files and keep the .gz
        import gzip  # here, as it would take a good part of handgrad's import time

        stream, size = gzip.GzipFile(fileobj=file), min(_MAX_DEFLATE_RATIO * size, _MAX_BYTES)
        hint = "; decompress the file first" * (size == _MAX_BYTES)
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise ValueError(f"it must begin with 00 00, a dtype and a number of dimensions, got {magic.hex(' ')}")
    dtype, ndim = np.dtype(_DTYPES[magic[2]]), magic[3]
    lengths = stream.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise ValueError(f"its {ndim} dimensions take {4 * ndim} bytes, got {len(lengths)}")
    shape = tuple(np.frombuffer(lengths, ">u4").tolist())
    needed, available = math.prod(shape) * dtype.itemsize, size - 4 - 4 * ndim
    if needed > available:  # before memory is allocated for what a header only claims
        raise ValueError(f"its shape {shape} of {dtype.name} takes {needed} bytes, got at most {available}{hint}")
    data = stream.read(needed + 1)
    if len(data) != needed:
        got = f"{'at least ' if len(data) > needed else ''}{len(data)}"
        raise ValueError(f"its shape {shape} of {dtype.name} takes {needed} bytes, got {got}")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read_part(folder: str | os.PathLike[str], part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_file, labels_file = _find(folder, f"{part}-images-idx3-ubyte"), _find(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.size == 0 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
        raise ValueError(f"{images_file} must hold images (N, 28, 28) of uint8, got {images.shape} of {images.dtype}")
    N = len(images)
    if labels.shape != (N,) or labels.dtype != np.uint8:
        raise ValueError(f"{labels_file} must hold labels ({N},) of uint8, got {labels.shape} of {labels.dtype}")
    if labels.max() > 9:
        raise ValueError(f"{labels_file}: labels must be in [0, 10), got {labels.max()}")
    return images.reshape(N, 784), labels.astype(np.int64)


def _find(folder: str | os.PathLike[str], name: str) -> str:
    names = [f"{spelling}{end}" for spelling in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
    for file in (os.path.join(folder, name) for name in names):
        if os.path.isfile(file):
            return file
    raise FileNotFoundError(f"{os.fspath(folder)} must hold one of the files {', '.join(names)}")
