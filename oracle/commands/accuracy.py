"""``python -m oracle accuracy``: measure the correct digits beside jax.grad."""

import argparse
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

import handgrad
from oracle.measurements.accuracy import MAX_ULPS, SYSTEMS
from oracle.measurements.accuracy import measure as measure_accuracy

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    names = [*handgrad.NETWORKS, *handgrad.RULES]
    accuracy = commands.add_parser(
        "accuracy",
        help="measure the correct digits, beside jax.grad",
        description="Sweeps every rule and network from ±1e-8 to ±1e4 and prints the worst errors against exact "
        "arithmetic of handgrad, jax.grad and, where it is installed, PyTorch. Exits with 1 when handgrad is "
        f"off by more than {MAX_ULPS} units in the last place times its condition number, or by more than "
        "jax.grad's.",
        epilog="example: python -m oracle accuracy --only tanh gelu two_layer --dtype float64",
    )
    accuracy.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="(default: all)")
    accuracy.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    accuracy.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
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
            for_all = [found.get(system) for system in SYSTEMS]
            units = [None if of is None else getattr(of, what) for what in ("value", "gradient") for of in for_all]
            table.add_row(
                name,
                *("" if a is None else f"{a:.1f}" if a < 1000 else f"{a:.0e}" for a in units),
                *("" if of is None else f"{of.relative:.0e}" if of.relative else "0" for of in for_all),
            )
            if found["handgrad"].gradient > MAX_ULPS or found["handgrad"].loses_to(found["jax.grad"]):
                missed.append(f"{name} in {dtype}")
        console = Console()
        console.width = max(console.width, 110)  # narrower consoles would lose columns
        console.print(table)
        print()
    print("The worst errors of value and gradient, in units in the last place times the condition number,")
    print("and the gradient's worst relative error as it is.")
    print(
        f"missed by: {', '.join(missed)}"
        if missed
        else f"Every gradient is within {MAX_ULPS}, and none is worse than JAX's."
    )
    return int(bool(missed))
