"""What the reader of a verification sees: one table, and the smallest problem that fails."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oracle.comparison import Comparison
from oracle.snippets import snippet
from oracle.verification import Examination, Problem

__all__ = ["Row", "report"]


@dataclass
class Row:
    """All that was found about one rule or network."""

    name: str
    problems: int = 0
    overruled: int = 0
    seconds: float = 0.0
    worst: Comparison | None = None
    failure: tuple[Problem, Examination] | None = None

    def add(self, problem: Problem, examination: Examination) -> None:
        """Count a problem in; after a failure, only smaller failures matter."""
        if examination.complaints:
            self.failure = problem, examination
        elif self.failure is None:
            self.problems += 1
            self.overruled += examination.overruled
            if self.worst is None or examination.worst.excess > self.worst.excess:
                self.worst = examination.worst

    @property
    def verdict(self) -> str:
        """The verdict in a word or two."""
        if self.failure:
            return "DISAGREES"
        if not self.problems:
            return "not run"
        return f"agrees (JAX off: {self.overruled})" if self.overruled else "agrees"


def report(rows: Sequence[Row], console: Console) -> None:
    """Print the table and, for each row that disagrees, what is wrong and how to see it again."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for heading in ("problems", "worst error", "its bound", "per second"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True, min_width=9)
    for row in rows:
        worst = (f"{row.worst.error:.1e}", f"{row.worst.bound:.1e}") if row.worst else ("", "")
        rate = f"{row.problems / row.seconds:,.0f}" if row.seconds else ""
        style = "red" if row.failure else "green" if row.problems else "dim"
        table.add_row(row.name, f"{row.problems:,}", *worst, rate, f"[{style}]{row.verdict}[/]")
    console.print(table)
    for row in rows:
        if row.failure:
            problem, examination = row.failure
            console.print(f"\n[red bold]{row.name}[/] on the smallest problem found, {problem.dtype}:")
            for sentence in (*examination.complaints, *(f"  {said}" for said in examination.hearing)):
                console.print(f"  {escape(sentence)}", highlight=False, soft_wrap=True)
            console.print(f"\n{snippet(problem)}\n", markup=False, highlight=False, soft_wrap=True)
    total, seconds = sum(row.problems for row in rows), math.fsum(row.seconds for row in rows)
    wrong = [row.name for row in rows if row.failure]
    console.print(
        f"{total:,} problems in {seconds:.0f} s: "
        + (f"[red bold]wrong: {', '.join(wrong)}[/]" if wrong else "[green bold]every gradient agrees[/]")
    )
