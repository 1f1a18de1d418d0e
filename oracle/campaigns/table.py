"""The table of a verification, and the smallest problem that fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oracle.checks.evaluation import Evaluation
from oracle.rounding.bounds import Comparison
from oracle.strategies.problem import Problem

__all__ = ["Result", "report"]


@dataclass
class Result:
    """The result of one rule or network."""

    name: str
    problems: int = 0
    jax_inaccurate: int = 0
    seconds: float = 0.0
    worst: Comparison | None = None
    #: The smallest failing problem: its dtype, sentences that say what is wrong, and its source code.
    failure: tuple[str, tuple[str, ...], str] | None = None

    def add(self, problem: Problem, evaluation: Evaluation) -> None:
        """Count a problem; after a failure, only smaller failures matter."""
        if evaluation.failures:
            sentences = (*evaluation.failures, *(f"  {line}" for line in evaluation.other_values))
            self.failure = str(problem.dtype), sentences, problem.source()
        elif self.failure is None:
            self.problems += 1
            self.jax_inaccurate += evaluation.jax_inaccurate
            if self.worst is None or evaluation.worst.excess > self.worst.excess:
                self.worst = evaluation.worst

    def merge(self, other: "Result") -> "Result":
        """Return the result of both."""
        return Result(
            self.name,
            self.problems + other.problems,
            self.jax_inaccurate + other.jax_inaccurate,
            self.seconds + other.seconds,
            max(filter(None, (self.worst, other.worst)), key=lambda c: c.excess, default=None),
            min(filter(None, (self.failure, other.failure)), key=lambda f: len(f[2]), default=None),
        )

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Result":
        """Return the result from a record made by ``dataclasses.asdict`` and read back from JSON."""
        worst, failure = record["worst"], record["failure"]
        if worst:
            errors = (float(worst[what]) for what in ("given", "expected", "bound"))
            worst = Comparison(str(worst["name"]), tuple(map(int, worst["index"])), *errors)
            if not worst.agrees:
                raise ValueError(f"worst must agree, got {worst}")
        if failure:
            dtype, sentences, code = failure
            failure = str(dtype), tuple(map(str, sentences)), str(code)
        problems, jax_inaccurate = int(record["problems"]), int(record["jax_inaccurate"])
        return cls(
            str(record["name"]), problems, jax_inaccurate, float(record["seconds"]), worst or None, failure or None
        )

    @property
    def verdict(self) -> str:
        """The verdict in a word or two."""
        if self.failure:
            return "DISAGREES"
        if not self.problems:
            return "not run"
        return f"agrees (JAX off: {self.jax_inaccurate})" if self.jax_inaccurate else "agrees"


def report(rows: Sequence[Result], console: Console, seconds: float) -> None:
    """Print the table and, for each row that disagrees, the errors and the code that reproduces them."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
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
            dtype, sentences, code = row.failure
            console.print(f"\n[red bold]{row.name}[/] on the smallest problem found, {dtype}:")
            for sentence in sentences:
                console.print(f"  {escape(sentence)}", highlight=False, soft_wrap=True)
            console.print(f"\n{code}\n", markup=False, highlight=False, soft_wrap=True)
    total = sum(row.problems for row in rows)
    wrong = [row.name for row in rows if row.failure]
    console.print(
        f"{total:,} problems in {seconds:.0f} s: "
        + (f"[red bold]wrong: {', '.join(wrong)}[/]" if wrong else "[green bold]every gradient agrees[/]")
    )
