"""Numbers, arrays and tables as short plain text."""

import itertools
import textwrap
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["join_wrapped", "norm", "number", "table"]


def number(x: Any, digits: int) -> str:
    """Return a number with so many significant digits."""
    return f"{float(x) + 0.0:.{digits}g}"  # + 0.0: zero without a sign


def norm(a: Any, digits: int) -> str:
    """Return an array's norm, as ‖·‖ and a number."""
    largest = np.max(np.abs(a), initial=0)
    if largest == 0 or not np.isfinite(largest):
        return f"‖·‖ {number(largest, digits)}"
    scaled = np.linalg.norm(np.ravel(a / largest))  # whose squares neither overflow nor vanish
    return f"‖·‖ {number(largest * scaled, digits)}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table, whose cells may have several lines."""
    split = [[cell.split("\n") for cell in row] for row in [head, *rows]]
    widths = [max(_width(line) for row in split for line in row[i]) for i in range(len(head))]
    lines = [
        "  ".join(line + " " * (width - _width(line)) for line, width in zip(parts, widths)).rstrip()
        for row in split
        for parts in itertools.zip_longest(*row, fillvalue="")
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def join_wrapped(parts: Iterable[str], width: int) -> str:
    """Return the parts joined by commas, in lines that break only between parts."""
    unbroken = ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return textwrap.fill(unbroken, width, break_long_words=False).replace("\N{NO-BREAK SPACE}", " ")


def _width(text: str) -> int:
    return sum(not unicodedata.combining(c) for c in text)
