"""CIFAR-10, from the files of its binary or its Python version. Nothing is downloaded."""

import os

import numpy as np
from numpy.typing import NDArray

from handgrad.datasets.unpickling import unpickle
from handgrad.files.untrusted import open_untrusted

__all__ = ["cifar10"]

#: In a file: a batch has 31 MB, and a sparse file may claim any size.
_MAX_BYTES = 2**28
_BATCHES = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]


def cifar10(
    path: str | os.PathLike[str],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Return CIFAR-10 from the files of its binary or its Python version in the folder ``path``.

    The files are ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, without ``.bin`` in the Python
    version. They may lie in the folder itself or in its ``cifar-10-batches-bin`` or ``cifar-10-batches-py``.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    X_train, X_test : (50000, 3072) and (10000, 3072) arrays, uint8
        Each row is an image of 32 × 32 pixels: first red, then green, then blue, each row by row, as stored. Divide by
        255 for values in [0, 1]. Files with fewer images give fewer rows.
    y_train, y_test : (50000,) and (10000,) arrays, int64
        Labels in [0, 10).

    Raises
    ------
    FileNotFoundError
        If neither version is complete.
    ValueError
        If a file is damaged or of another format. No code in a file is ever run.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import datasets
    >>> X_train, y_train, X_test, y_test = datasets.cifar10("cifar-10-batches-py")  # doctest: +SKIP
    >>> X = X_train / np.float32(255)  # doctest: +SKIP

    References
    ----------
    A. Krizhevsky, Learning multiple layers of features from tiny images, 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html.
    """
    *train, (X_test, y_test) = [_read_batch(file) for file in _find(path)]
    return np.concatenate([X for X, _ in train]), np.concatenate([y for _, y in train]), X_test, y_test


def _find(path: str | os.PathLike[str]) -> list[str]:
    for folder in (path, os.path.join(path, "cifar-10-batches-bin"), os.path.join(path, "cifar-10-batches-py")):
        for end in (".bin", ""):
            files = [os.path.join(folder, batch + end) for batch in _BATCHES]
            if all(map(os.path.isfile, files)):
                return files
    raise FileNotFoundError(
        f"{os.fspath(path)} must hold the files {', '.join(_BATCHES)}, all with .bin or all without, in itself or in "
        "cifar-10-batches-bin or cifar-10-batches-py"
    )


def _read_batch(path: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    with open_untrusted(path, "is not a CIFAR-10 batch or is damaged") as file:
        if (size := os.fstat(file.fileno()).st_size) > _MAX_BYTES:
            raise ValueError(f"it must hold 10,000 images in about 31 MB, got {size} bytes")
        X, y = (_parse_binary if path.endswith(".bin") else _parse_pickle)(file.read())
        if y.min() < 0 or y.max() > 9:
            raise ValueError(f"labels must be in [0, 10), got {y.min()} to {y.max()}")
    return X, y


def _parse_binary(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if not content or len(content) % 3073:
        raise ValueError(f"it must hold records of 3073 bytes, a label and 3072 pixels, got {len(content)} bytes")
    records = np.frombuffer(content, np.uint8).reshape(-1, 3073)
    return records[:, 1:].copy(), records[:, 0].astype(np.int64)


def _parse_pickle(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    match unpickle(content):
        case {  # protocol 5, and those before it
            "data": [_, [str(data), ["numpy.dtype", ["u1", *_], _], [int(N), 3072], "C" | "F" as order], _]
            | [_, _, [_, [int(N), 3072], ["numpy.dtype", ["u1", *_], _], bool(order), str(data)]],
            "labels": [*labels],
        } if all(isinstance(label, int) for label in labels):
            pixels = np.frombuffer(data.encode("latin-1"), np.uint8)
        case _:
            raise ValueError("it must hold a dict of data, an array (N, 3072) of uint8, and labels, a list of N int")
    if not 0 < N == len(labels) or len(pixels) != 3072 * N:
        raise ValueError(f"it must hold {N} labels and {3072 * N} pixels, got {len(labels)} and {len(pixels)}")
    y = np.array(labels, np.int64)
    return pixels.reshape((N, 3072), order="F" if order in ("F", True) else "C").copy(order="C"), y
