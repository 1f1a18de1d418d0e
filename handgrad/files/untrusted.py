"""Files from anywhere: whatever is wrong with one ends in a ``ValueError`` that names the file."""

import contextlib
import os
from collections.abc import Iterator
from io import BufferedReader

__all__ = ["open_untrusted"]


@contextlib.contextmanager
def open_untrusted(path: str | os.PathLike[str], refusal: str) -> Iterator[BufferedReader]:
    """Open a file for reading; turn whatever its contents make the reader raise into a ``ValueError``.

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ValueError
        ``{path} {refusal}: {reason}``, if the ``with`` block raises.
    """
    with open(path, "rb") as file:
        try:
            yield file
        except Exception as error:  # a damaged file makes zipfile, gzip and NumPy raise a dozen types
            raise ValueError(f"{os.fspath(path)} {refusal}: {str(error) or type(error).__name__}") from error
