"""The command line: ``python -m oracle verify``."""

import argparse
import math
import os
import secrets
import sys
import time
from collections.abc import Iterable, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track
from rich.table import Table

import handgrad
from oracle.accuracy import BAR, SYSTEMS
from oracle.accuracy import measure as measure_accuracy
from oracle.campaign import TRAINING, Share, run
from oracle.sensitivity import ERRORS, SIZES, Power, drawn_problems, sized_problems
from oracle.strategies import NetworkProblem
from oracle.table import Row, report
from oracle.throughput import measure

__all__ = ["main"]

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
    verify.add_argument(
        "--workers", type=_positive, default=os.cpu_count(), metavar="N", help="processes (default: one for each core)"
    )
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
    throughput = commands.add_parser(
        "throughput",
        help="measure how many problems are checked in a second",
        description="Draws and checks two-layer problems of random shapes in float64, in all processes at once, after "
        "start-up; then, beside it, has jax.jit compile the gradient for each new shape.",
        epilog="example: python -m oracle throughput --workers 2",
    )
    throughput.add_argument("--problems", type=_positive, default=4000, metavar="N", help="for each process")
    throughput.add_argument("--workers", type=_positive, default=os.cpu_count(), metavar="N", help="processes")
    throughput.set_defaults(run=_throughput)
    accuracy = commands.add_parser(
        "accuracy",
        help="measure how many digits are right, beside jax.grad",
        description="Sweeps every rule and network from ±1e-8 to ±1e4 and prints the worst errors against exact "
        "arithmetic of handgrad, of jax.grad and, where it is installed, of PyTorch. Exits with 1 when a gradient of "
        f"handgrad's is off by more than {BAR} units in the last place times its condition number, or by more than "
        "jax.grad's.",
        epilog="example: python -m oracle accuracy --only tanh gelu two_layer --dtype float64",
    )
    accuracy.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="(default: all)")
    accuracy.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    accuracy.set_defaults(run=_accuracy)
    options = parser.parse_args(arguments)
    return int(options.run(options))


def _verify(options: argparse.Namespace) -> int:
    console = Console()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    dtype = None if options.dtype is None else np.dtype(options.dtype).type
    names = options.only or [*handgrad.NETWORKS, *handgrad.RULES]
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


def _sensitivity(options: argparse.Namespace) -> int:
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
            power, rng = Power(), np.random.default_rng(options.seed)
            for problem in track(problems, group, console=Console(stderr=True), transient=True):
                power.plant(problem, rng)
            shares = (f"{100 * power.share(size):.1f}" for size in ERRORS)
            table.add_row(f"{np.dtype(dtype)}, {group}", f"{power.tried:,}", *shares)
    Console().print("share of the errors caught, in per cent, by their size relative to the largest entry", table)
    return 0


def _throughput(options: argparse.Namespace) -> int:
    checked, compiled = measure(options.problems, 20, workers=options.workers)
    print(f"drawn and checked:                   {checked:7,.0f} problems a second in {options.workers} processes")
    print(f"jax.jit on every new shape, no more: {compiled:7,.1f} problems a second")
    print(f"ratio:                               {checked / compiled:7,.0f}")
    return 0


def _accuracy(options: argparse.Namespace) -> int:
    missed = []
    for dtype in [options.dtype] if options.dtype else ["float64", "float32"]:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(f"{dtype}\n", no_wrap=True)
        for what in ("value", "gradient", "relative"):
            for i, system in enumerate(SYSTEMS):
                table.add_column(f"{'' if i else what}\n{system}", justify="right", no_wrap=True)
        names = options.only or [*handgrad.NETWORKS, *handgrad.RULES]
        for name in track(names, f"measuring in {dtype}", console=Console(stderr=True), transient=True):
            found = measure_accuracy(name, np.dtype(dtype).type, SYSTEMS)
            units = [getattr(of, what) for what in ("value", "gradient") for of in found.values()]
            table.add_row(
                name,
                *(f"{a:.1f}" if a < 1000 else f"{a:.0e}" for a in units),
                *(f"{of.relative:.0e}" if of.relative else "0" for of in found.values()),
            )
            if found["handgrad"].gradient > BAR or found["handgrad"].loses_to(found["jax.grad"]):
                missed.append(f"{name} in {dtype}")
        console = Console()
        console.width = max(console.width, 110)  # a column cut off would be a figure lost
        console.print(table)
        print()
    print("The worst errors of value and gradient, in units in the last place times the condition number,")
    print("and the gradient's worst relative error as it is.")
    print(
        f"missed by: {', '.join(missed)}"
        if missed
        else f"Every gradient is within {BAR}, and none is worse than JAX's."
    )
    return int(bool(missed))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, given {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
