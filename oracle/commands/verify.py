"""``python -m oracle verify``: every rule and network against jax.grad."""

import argparse
import math
import os
import secrets
import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oracle.campaign import TRAINING, Share, run
from oracle.commands.options import positive
from oracle.table import Row, report
from oracle.verification import NAMES

TRAINING_STEPS = 100

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    verify = commands.add_parser(
        "verify",
        help="check every rule, network and random expressions against jax.grad",
        description="Draws problems and checks every rule and network against JAX, then expressions that are "
        "made up of rules, and the gradients along a "
        "training run on the digits. Prints one table; exits with 1, and the smallest failing problem, when anything "
        "disagrees.",
        epilog="example: python -m oracle verify --problems 2000 --only two_layer gelu --dtype float32",
    )
    verify.add_argument("--problems", type=positive, default=500, metavar="N", help="for each name (default: 500)")
    verify.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"of: {', '.join(NAMES)}")
    verify.add_argument("--seed", type=int, metavar="S", help="repeat the run that printed this seed")
    verify.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    verify.add_argument(
        "--workers", type=positive, default=os.cpu_count(), metavar="N", help="processes (default: one for each core)"
    )
    verify.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    console = Console()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    dtype = None if options.dtype is None else np.dtype(options.dtype).type
    names = options.only or NAMES
    rows = [Row(name) for name in names]
    if options.only is None:
        rows.append(Row(TRAINING))
    console.print(f"seed {seed}", style="dim")

    chunks = options.workers if len(rows) == 1 else 1  # a single name is shared out among the workers
    shares = [
        Share(
            row.name, TRAINING_STEPS if row.name == TRAINING else math.ceil(options.problems / chunks), seed + i, dtype
        )
        for row in rows
        for i in range(chunks)
    ]
    parts = [Row(share.name) for share in shares]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started, status = time.perf_counter(), 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = [progress.add_task(share.name, total=share.problems, visible=False) for share in shares]

        def update(i: int, row: Row) -> None:
            parts[i] = row
            progress.update(tasks[i], completed=row.problems, visible=row.problems < shares[i].problems)

        try:
            run(shares, workers=min(options.workers, len(shares)), update=update)
        except KeyboardInterrupt:
            status = 130
    for i, part in enumerate(parts):
        rows[i // chunks].merge(part)
    report(rows, console, time.perf_counter() - started)
    if status:
        console.print("interrupted: the table shows what was checked until then", style="yellow")
    return status or int(any(row.failure for row in rows))
