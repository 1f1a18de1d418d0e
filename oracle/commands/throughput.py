"""``python -m oracle throughput``: measure the problems checked in a second."""

import argparse
import os
from typing import Any

from oracle.commands import positive
from oracle.measurements.throughput import measure

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    throughput = commands.add_parser(
        "throughput",
        help="measure how many problems are checked in a second",
        description="Draws and checks two-layer problems of random shapes in float64, in all processes at once, after "
        "start-up; then, beside it, has jax.jit compile the gradient for each new shape.",
        epilog="example: python -m oracle throughput --workers 2",
    )
    throughput.add_argument("--problems", type=positive, default=4000, metavar="N", help="for each process")
    throughput.add_argument("--workers", type=positive, default=os.cpu_count(), metavar="N", help="processes")
    throughput.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    checked, compiled = measure(options.problems, 20, workers=options.workers)
    print(f"drawn and checked:                   {checked:7,.0f} problems a second in {options.workers} processes")
    print(f"jax.jit on every new shape, no more: {compiled:7,.1f} problems a second")
    print(f"ratio:                               {checked / compiled:7,.0f}")
    return 0
