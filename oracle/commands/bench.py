"""``python -m oracle bench``: measure speed beside the bare matrix products and other programs."""

import argparse
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from handgrad.files.atomic import atomic_write
from oracle.benchmarks import installed
from oracle.benchmarks.metrics import MEASURES, Figures, Measure
from oracle.benchmarks.timing import Timing
from oracle.commands import positive

__all__ = ["add"]

_PROGRAMS = [*dict.fromkeys(name for m in MEASURES.values() for name in m.programs[1:])]

#: The figures, as they are written to a file: by measure and dtype, the rows by label.
Found = dict[str, dict[str, dict[str, Figures]]]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    bench = commands.add_parser(
        "bench",
        help="measure the speed, side by side with others",
        description="Times the two-layer network in one program after another, in turn, and prints how many times as "
        "long as handgrad each takes: the median over the rounds, and where it matters the quartiles. Of MEASURE, "
        "steps are the loss and its gradient; epochs, minibatch SGD with momentum; further, the derivatives beyond "
        "the gradient; start, a new process up to its first gradient; memory, by how much a process grows in a step "
        "at most. Peers that are not installed are left out (extra bench: pip install 'handgrad[bench]').",
        epilog="example: python -m oracle bench steps --quick --only graph autograd mygrad --json speed.json",
    )
    bench.add_argument(
        "measures", nargs="*", metavar="MEASURE", help=f"of: {', '.join(MEASURES)} (default: all; steps with --only)"
    )
    bench.add_argument("--quick", action="store_true", help="the first rows and fewer rounds")
    bench.add_argument("--only", nargs="+", choices=_PROGRAMS, metavar="PROGRAM", help=f"of: {', '.join(_PROGRAMS)}")
    bench.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    bench.add_argument("--rounds", type=positive, metavar="N", help="(default: 15, quick 5)")
    bench.add_argument("--json", metavar="FILE", help="write the figures of each round here too")
    bench.add_argument("--show", metavar="FILE", help="measure nothing: show what --json has written")
    bench.set_defaults(run=_run, refuse=bench.error)


def _run(options: argparse.Namespace) -> int:
    console = Console()
    console.width = max(console.width, 160)  # narrower consoles would lose columns
    if options.show:
        _show(_read(options), console)
        return 0
    unknown = sorted(set(options.measures) - set(MEASURES))
    if unknown:
        options.refuse(f"MEASURE must be one of {', '.join(MEASURES)}, got {unknown[0]}")
    if options.json and not Path(options.json).absolute().parent.is_dir():
        options.refuse(f"--json must be a file in an existing directory, got {options.json}")
    missing = sorted(set(options.only or ()) - set(installed(_PROGRAMS)))
    if missing:
        options.refuse(f"not installed: {', '.join(missing)} (pip install 'handgrad[bench]')")
    count = options.rounds or (5 if options.quick else 15)
    found: Found = {}
    status = 0
    try:
        for what in options.measures or (["steps"] if options.only else MEASURES):
            measure = MEASURES[what]
            wanted = options.only or measure.programs[1:]
            names = [measure.programs[0], *installed(name for name in measure.programs[1:] if name in wanted)]
            for dtype in measure.dtypes:
                if options.dtype not in (None, dtype):
                    continue
                rows = found.setdefault(what, {})[dtype] = {}
                for label, row in [*measure.rows.items()][: measure.quick if options.quick else None]:
                    progress = track(
                        row(dtype, names, count), label, count, console=Console(stderr=True), transient=True
                    )
                    for figures in progress:
                        rows[label] = figures
                console.print(_table(measure, dtype, rows))
                console.print()
    except KeyboardInterrupt:
        console.print(_table(measure, dtype, rows))
        console.print("interrupted: the tables show what was measured until then", style="yellow")
        status = 130
    print(_LEGEND)
    if options.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "numpy": np.__version__}
        with atomic_write(options.json) as file:
            file.write((json.dumps({"machine": machine, **found}, indent=1) + "\n").encode())
    return status


_LEGEND = """handgrad's figures, and those of the others as multiples of them:
the median over the rounds, and the quartiles below it."""


def _read(options: argparse.Namespace) -> Found:
    try:
        found: Found = json.loads(Path(options.show).read_bytes())
        return {what: found[what] for what in MEASURES if what in found}
    except (OSError, ValueError, TypeError) as error:
        options.refuse(f"--show must be a file written by --json, got {options.show}: {error}")
        raise  # it exits


def _show(found: Found, console: Console) -> None:
    for what, tables in found.items():
        for dtype, rows in tables.items():
            console.print(_table(MEASURES[what], dtype, rows))
            console.print()
    print(_LEGEND)


def _table(measure: Measure, dtype: str, rows: dict[str, Figures]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"{dtype}, {measure.heading}", no_wrap=True)
    for name in next(iter(rows.values()), measure.programs):
        table.add_column(name, justify="right", no_wrap=True)
    for label, figures in rows.items():
        table.add_row(label, *_cells(figures, measure.unit))
    return table


def _cells(figures: Figures, unit: str) -> Iterator[str]:
    first, *others = (Timing([*values]) for values in figures.values())
    yield _quantity(first.median, unit)
    for other in others:
        low, median, high = other.ratio(first)
        yield f"{median:.2f}\n{low:.2f}–{high:.2f}" if len(other.seconds) > 1 else f"{median:.2f}"


def _quantity(x: float, unit: str) -> str:
    for factor, prefix in ((1e6, "M"), (1e3, "k")) if unit == "B" else ((1.0, ""), (1e-3, "m")):
        if x >= factor:
            return f"{x / factor:.3g} {prefix}{unit}"
    return f"{x * 1e6:.0f} µs" if unit == "s" else f"{x:.0f} B"
