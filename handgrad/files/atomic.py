"""Files that are written completely or not at all."""

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file for writing, which replaces ``path`` once everything is written.

    At every moment ``path`` is the complete old file or the complete new one.

    Raises
    ------
    OSError
        If the file cannot be written. The old file stays as it was.
    ValueError
        If ``path`` exists and is not a file.

    Examples
    --------
    >>> import os, tempfile
    >>> from handgrad.files.atomic import atomic_write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(os.path.join(folder, "net.dot")) as file:
    ...         before = os.listdir(folder)
    ...         written = file.write(b"digraph {}")
    ...     "net.dot" in before, os.listdir(folder)
    (False, ['net.dot'])
    """
    target = os.path.realpath(path)  # a link stays a link: the file that it points to is replaced
    if os.path.exists(target) and not os.path.isfile(target):
        raise ValueError(f"{path} must be a file or not exist")
    # in the same directory, as a rename is atomic only within one file system
    temporary = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
