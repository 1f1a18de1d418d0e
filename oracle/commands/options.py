"""Types of options that several commands take."""

import argparse

__all__ = ["positive"]


def positive(text: str) -> int:
    """Return a number above 0, or say what was given."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, given {number}")
    return number
