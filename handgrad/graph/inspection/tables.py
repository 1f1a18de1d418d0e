"""Tables in plain text, whose cells may have several lines."""

import itertools
import textwrap
import unicodedata
from collections.abc import Iterable

__all__ = ["join_wrapped", "table"]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    split = [[cell.split("\n") for cell in row] for row in [head, *rows]]
    widths = [max(_width(line) for row in split for line in row[i]) for i in range(len(head))]
    lines = [
        "  ".join(line + " " * (width - _width(line)) for line, width in zip(parts, widths)).rstrip()
        for row in split
        for parts in itertools.zip_longest(*row, fillvalue="")
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def join_wrapped(parts: Iterable[str], width: int) -> str:
    """Return parts one after the other, in lines that break only between them."""
    unbroken = ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return textwrap.fill(unbroken, width, break_long_words=False).replace("\N{NO-BREAK SPACE}", " ")


def _width(text: str) -> int:
    return sum(not unicodedata.combining(c) for c in text)
