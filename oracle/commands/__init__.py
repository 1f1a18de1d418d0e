"""The commands of ``python -m oracle``, one a file."""

import argparse

__all__ = ["positive"]


def positive(text: str) -> int:
    """Return the number, 1 or more, that an option is given."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number
