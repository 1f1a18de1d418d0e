"""``python -m oracle vectors``: problems with exact answers, for code that is not Python."""

import argparse
import sys
from typing import Any

import handgrad
from oracle.commands import positive

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    vectors = commands.add_parser(
        "vectors",
        help="write problems with exact losses and gradients, to test code in C, Rust, CUDA or JavaScript",
        description="Writes each problem as .npz and as JSON with every number in hexadecimal, the schema of the JSON, "
        "and SHA256SUMS.",
        epilog="example: python -m oracle vectors golden --network two_layer --count 100",
    )
    vectors.add_argument("out", metavar="OUT", help="a folder that does not exist yet")
    vectors.add_argument("--network", default="two_layer", choices=[*handgrad.NETWORKS], metavar="NAME")
    vectors.add_argument("--activation", nargs="+", metavar="NAME", help="the hidden activations of an mlp")
    vectors.add_argument("--count", type=positive, default=100, metavar="N", help="problems (default: 100)")
    vectors.add_argument("--seed", type=int, default=0, metavar="S", help="(default: 0)")
    vectors.add_argument("--dtype", choices=["float32", "float64"], default="float64", help="(default: float64)")
    vectors.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from oracle.measurements.golden_vectors import write

    try:
        written = write(
            options.out,
            options.network,
            count=options.count,
            seed=options.seed,
            dtype=options.dtype,
            activation=options.activation,
        )
    except (OSError, ValueError) as error:
        print(f"python -m oracle vectors: error: {error}", file=sys.stderr)
        return 2
    print(f"{written} problems of {options.network} with exact answers in {options.out}")
    return 0
