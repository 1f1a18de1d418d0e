"""MNIST, and what else comes in idx files. Nothing is downloaded."""

import math
import os
from io import BufferedIOBase, BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mnist", "read_idx"]

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}  # as the format numbers them
_DEFLATE_RATIO = 1032  # bytes out of one, at most: https://zlib.net/zlib_tech.html
_MOST = 2**30  # bytes out of a packed file: 22 times MNIST; a packed file of 10 MB can unpack to ten times as much


def mnist(
    path: str | os.PathLike[str],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Return MNIST, or a set in the same form such as Fashion-MNIST, from its four files in the folder ``path``.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, as they are or with ``.gz``; ``.idx`` in place of ``-idx`` will do.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    X_train, X_test : (60000, 784) and (10000, 784) arrays, uint8
        A row is an image of 28 × 28 pixels, row by row, as stored: 0 is background, 255 ink. Divide by 255 for
        numbers in [0, 1]. Files with fewer images give fewer rows.
    y_train, y_test : (60000,) and (10000,) arrays, int64
        Labels in [0, 10).

    Raises
    ------
    FileNotFoundError
        If one of the files is not there.
    ValueError
        If a file is damaged or is something else, or the labels do not fit the images.

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
    """Return the array in an idx file, compressed with gzip or not.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    array
        With the file's dimensions, and in its dtype (uint8, int8, int16, int32, float32 or float64).

    Raises
    ------
    OSError
        If the file is not there or cannot be read.
    ValueError
        If it is damaged, is something else, holds fewer or more bytes than its header says, or is compressed and
        holds more than 2³⁰: unpack it first.

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
    with open(path, "rb") as file:
        try:
            return _parse(file)
        except Exception as error:  # a damaged file makes gzip and zlib raise several kinds of them
            raise ValueError(
                f"{path} is not an idx file, or is damaged: {str(error) or type(error).__name__}"
            ) from error


def _parse(file: BufferedReader) -> NDArray[Any]:
    stream: BufferedIOBase = file
    hint, size = "", os.fstat(file.fileno()).st_size
    if file.peek(2)[:2] == b"\x1f\x8b":  # not by name: browsers unpack a file and leave it its .gz
        import gzip  # here, as it would be a good part of what importing handgrad costs

        stream, size = gzip.GzipFile(fileobj=file), min(_DEFLATE_RATIO * size, _MOST)
        hint = ": unpack the file first" * (size == _MOST)
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise ValueError(f"it expected to begin with 00 00, a dtype and a number of dimensions, found {magic.hex(' ')}")
    dtype, ndim = np.dtype(_DTYPES[magic[2]]), magic[3]
    lengths = stream.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise ValueError(f"its {ndim} dimensions expected {4 * ndim} bytes, found {len(lengths)}")
    shape = tuple(np.frombuffer(lengths, ">u4").tolist())
    expected, most = math.prod(shape) * dtype.itemsize, size - 4 - 4 * ndim
    if expected > most:  # known before memory is taken for what a header only claims
        raise ValueError(f"its shape {shape} of {dtype.name} expected {expected} bytes, found at most {most}{hint}")
    data = stream.read(expected + 1)
    if len(data) != expected:
        found = f"{'at least ' if len(data) > expected else ''}{len(data)}"
        raise ValueError(f"its shape {shape} of {dtype.name} expected {expected} bytes, found {found}")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read_part(folder: str | os.PathLike[str], part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_file, labels_file = _find(folder, f"{part}-images-idx3-ubyte"), _find(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.size == 0 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
        raise ValueError(f"{images_file} expected images (N, 28, 28) of uint8, found {images.shape} of {images.dtype}")
    N = len(images)
    if labels.shape != (N,) or labels.dtype != np.uint8:
        raise ValueError(f"{labels_file} expected labels ({N},) of uint8, found {labels.shape} of {labels.dtype}")
    if labels.max() > 9:
        raise ValueError(f"{labels_file} expected labels in [0, 10), found {labels.max()}")
    return images.reshape(N, 784), labels.astype(np.int64)


def _find(folder: str | os.PathLike[str], name: str) -> str:
    names = [f"{spelling}{end}" for spelling in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
    for file in (os.path.join(folder, name) for name in names):
        if os.path.isfile(file):
            return file
    raise FileNotFoundError(f"{os.fspath(folder)} expected one of the files {', '.join(names)}, found none")
