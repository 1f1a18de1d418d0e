"""``python -m oracle bench``: how fast, beside the bare matrix products and those that compute the same."""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from handgrad.replacing import replacing
from oracle.benchmarks.steps import PROGRAMS, SHAPES, Shape, installed, problem
from oracle.benchmarks.timing import Timing, rounds
from oracle.commands.options import positive

__all__ = ["add"]

_QUICK = [SHAPES[0], SHAPES[3]]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    bench = commands.add_parser(
        "bench",
        help="measure how fast, side by side with others",
        description="Times the two-layer network's loss and gradient in one program after another, in turn, and prints "
        "how many times as long as handgrad each takes: the median over the rounds, and where it matters the "
        "quartiles. Peers that are not installed are left out (extra bench: pip install 'handgrad[bench]').",
        epilog="example: python -m oracle bench --quick --only graph autograd mygrad --json speed.json",
    )
    bench.add_argument("--quick", action="store_true", help="two shapes and fewer rounds")
    bench.add_argument(
        "--only", nargs="+", choices=[*PROGRAMS][1:], metavar="PROGRAM", help=f"of: {', '.join([*PROGRAMS][1:])}"
    )
    bench.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    bench.add_argument("--rounds", type=positive, metavar="N", help="(default: 15, quick 5)")
    bench.add_argument("--json", metavar="FILE", help="write the seconds of each round here too")
    bench.set_defaults(run=_run, refuse=bench.error)


def _run(options: argparse.Namespace) -> int:
    if options.json and not Path(options.json).absolute().parent.is_dir():
        options.refuse(f"--json expected a file in an existing directory, given {options.json}")
    missing = sorted(set(options.only or ()) - set(installed()))
    if missing:
        options.refuse(f"not installed: {', '.join(missing)} (pip install 'handgrad[bench]')")
    names = ["handgrad", *(options.only or installed()[1:])]
    shapes = _QUICK if options.quick else SHAPES
    count = options.rounds or (5 if options.quick else 15)
    found: list[dict[str, Any]] = []
    status = 0
    console = Console()
    console.width = max(console.width, 120)  # a column cut off would be a figure lost
    try:
        for dtype in [options.dtype] if options.dtype else ["float64", "float32"]:
            table = _table(dtype, names)
            for shape in shapes:
                timings = _steps(shape, dtype, names, count)
                found.append({"shape": shape, "dtype": dtype, "seconds": {n: t.seconds for n, t in timings.items()}})
                table.add_row(*_row(shape, timings))
            console.print(table)
            print()
    except KeyboardInterrupt:
        console.print(table)
        console.print("interrupted: the table shows what was measured until then", style="yellow")
        status = 130
    print("How long handgrad's loss and gradient take at N, D, H, C, and how many times as long the others take:")
    print("the median over the rounds, and below it the quartiles.")
    if options.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "numpy": np.__version__}
        with replacing(options.json) as file:
            file.write((json.dumps({"machine": machine, "steps": found}, indent=1) + "\n").encode())
    return status


def _steps(shape: Shape, dtype: str, names: list[str], count: int) -> dict[str, Timing]:
    of = problem(shape, np.dtype(dtype).type)
    timed = rounds({name: PROGRAMS[name](of) for name in names}, count)
    progress = track(timed, f"{shape} {dtype}", total=count, console=Console(stderr=True), transient=True)
    return list(progress)[-1]


def _table(dtype: str, names: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"{dtype}: N, D, H, C", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _row(shape: Shape, timings: dict[str, Timing]) -> list[str]:
    seconds = timings["handgrad"].median
    shown = f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"
    others = [timing.ratio(timings["handgrad"]) for name, timing in timings.items() if name != "handgrad"]
    return [
        ", ".join(map(str, shape)),
        shown,
        *(f"{median:.2f}\n{low:.2f}–{high:.2f}" for low, median, high in others),
    ]
