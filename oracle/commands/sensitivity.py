"""``python -m oracle sensitivity``: measure the smallest error in one entry that is detected."""

import argparse
from collections.abc import Iterable
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from oracle.commands import positive
from oracle.measurements.sensitivity import ERRORS, SIZES, SensitivityCurve, drawn_problems, sized_problems
from oracle.strategies.networks import NetworkProblem

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    sensitivity = commands.add_parser(
        "sensitivity",
        help="measure how small an error in one entry is seen",
        description="Changes one entry of right two-layer gradients and prints the share of the errors that the "
        "comparison notices, by the size of the error relative to the gradient's largest entry.",
        epilog="example: python -m oracle sensitivity --problems 5000",
    )
    sensitivity.add_argument("--problems", type=positive, default=2000, metavar="N", help="drawn (default: 2000)")
    sensitivity.add_argument("--seed", type=int, default=0, metavar="S", help="(default: 0)")
    sensitivity.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
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
            curve, rng = SensitivityCurve(), np.random.default_rng(options.seed)
            for problem in track(problems, group, console=Console(stderr=True), transient=True):
                curve.plant(problem, rng)
            shares = (f"{100 * curve.share(size):.1f}" for size in ERRORS)
            table.add_row(f"{np.dtype(dtype)}, {group}", f"{curve.tried:,}", *shares)
    console = Console()
    console.width = max(console.width, 110)  # narrower consoles would lose columns
    console.print("share of the errors caught, in per cent, by their size relative to the largest entry", table)
    return 0
