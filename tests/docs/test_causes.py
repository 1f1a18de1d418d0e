"""docs/causes.md is what its command prints."""

from pathlib import Path

from tests.mistakes.causes import CAUSES
from tests.tools import mistakes_table

PAGE = (Path(__file__).parents[2] / "docs" / "causes.md").read_text()


def test_table_of_causes_is_the_oracles():
    assert mistakes_table.HEAD in PAGE
    assert mistakes_table.vocabulary() in PAGE


def test_every_mistake_is_listed_with_its_causes():
    for name, causes in CAUSES.items():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]
        assert row.endswith(f"| {', '.join(f'`{c}`' for c in causes) or 'none named'} |")
