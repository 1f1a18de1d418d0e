"""The command line: ``python -m oracle verify``."""

import argparse
import secrets
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track
from rich.table import Table

import handgrad
from oracle.problems import NetworkProblem
from oracle.sensitivity import ERRORS, SIZES, Power, drawn_problems, sized_problems
from oracle.verdict import Row, report
from oracle.verification import Examination, Problem, examine, search, training_run

__all__ = ["main"]

TRAINING = "two_layer on digits"
TRAINING_STEPS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 when all agrees, 1 when anything disagrees, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m oracle", description="Proves hand-derived gradients.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify",
        help="check every rule and network against jax.grad",
        description="Draws problems and checks every rule and network against JAX, then the gradients along a "
        "training run on the digits. Prints one table; exits with 1, and the smallest failing problem, when anything "
        "disagrees.",
        epilog="example: python -m oracle verify --problems 2000 --only two_layer gelu --dtype float32",
    )
    names = [*handgrad.NETWORKS, *handgrad.RULES]
    verify.add_argument("--problems", type=_positive, default=500, metavar="N", help="for each name (default: 500)")
    verify.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of: {', '.join(names)}")
    verify.add_argument("--seed", type=int, metavar="S", help="repeat the run that printed this seed")
    verify.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    verify.set_defaults(run=_verify)
    sensitivity = commands.add_parser(
        "sensitivity",
        help="measure how small an error in one entry is seen",
        description="Changes one entry of right two-layer gradients and prints the share of the errors that the "
        "comparison notices, by the size of the error relative to the gradient's largest entry.",
        epilog="example: python -m oracle sensitivity --problems 5000",
    )
    sensitivity.add_argument("--problems", type=_positive, default=2000, metavar="N", help="drawn (default: 2000)")
    sensitivity.add_argument("--seed", type=int, default=0, metavar="S", help="(default: 0)")
    sensitivity.set_defaults(run=_sensitivity)
    options = parser.parse_args(arguments)
    return int(options.run(options))


def _verify(options: argparse.Namespace) -> int:
    console = Console()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    dtype = None if options.dtype is None else np.dtype(options.dtype).type
    names = options.only or [*handgrad.NETWORKS, *handgrad.RULES]
    rows = [Row(name) for name in names]
    if "two_layer" in names:
        rows.append(Row(TRAINING))
    console.print(f"seed {seed}", style="dim")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            for row in rows:
                _fill(row, options.problems, seed, dtype, progress)
    except KeyboardInterrupt:
        report(rows, console)
        console.print("interrupted: the table shows what was checked until then", style="yellow")
        return 130
    report(rows, console)
    return 1 if any(row.failure for row in rows) else 0


def _fill(row: Row, problems: int, seed: int, dtype: Any, progress: Progress) -> None:
    """Check all problems of one row."""
    task = progress.add_task(row.name, total=TRAINING_STEPS if row.name == TRAINING else problems)

    def found(problem: Problem, examination: Examination) -> None:
        row.add(problem, examination)
        progress.update(task, completed=row.problems)

    started = time.perf_counter()
    try:
        if row.name == TRAINING:
            for problem in training_run(steps=TRAINING_STEPS, dtype=dtype or np.float64):
                found(problem, examine(problem))
        else:
            search(row.name, problems=problems, seed=seed, dtype=dtype, found=found)
    finally:
        row.seconds = time.perf_counter() - started
        progress.remove_task(task)


def _sensitivity(options: argparse.Namespace) -> int:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("two-layer problems", no_wrap=True)
    table.add_column("tried", justify="right")
    for size in ERRORS:
        table.add_column(f"{size:.0e}", justify="right", no_wrap=True)
    for dtype in (np.float64, np.float32):
        drawn = drawn_problems(options.problems, dtype=dtype, seed=options.seed)
        groups: dict[str, Iterable[NetworkProblem]] = {f"drawn, {scale}": ps for scale, ps in drawn.items()}
        for sizes in SIZES:
            groups[str(sizes)] = sized_problems(sizes, options.problems // 20, dtype=dtype, seed=options.seed)
        for group, problems in groups.items():
            power, rng = Power(), np.random.default_rng(options.seed)
            for problem in track(problems, group, console=Console(stderr=True), transient=True):
                power.plant(problem, rng)
            shares = (f"{100 * power.share(size):.1f}" for size in ERRORS)
            table.add_row(f"{np.dtype(dtype)}, {group}", f"{power.tried:,}", *shares)
    Console().print("share of the errors caught, in per cent, by their size relative to the largest entry", table)
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, given {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
