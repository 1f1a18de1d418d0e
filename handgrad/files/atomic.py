"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write, which takes the place of the one at ``path`` when all is written.

    At every moment the file there is the old one or the new one, entire.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is left as it was.
    ValueError
        If ``path`` is there and no file.

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
    target = os.path.realpath(path)  # a link stays a link: what it points to is replaced
    if os.path.exists(target) and not os.path.isfile(target):
        raise ValueError(f"{path} expected a file, found something else there")
    # beside the target, as a rename is atomic within one file system only
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
