"""``python -m handgrad draw``: a network's computational graph, with values and gradients."""

import argparse
from typing import Any

import numpy as np

from handgrad import graph
from handgrad.networks import NETWORKS, init_params
from handgrad.rules import ACTIVATIONS

__all__ = ["add"]

_EXAMPLES = """\
examples:
  python -m handgrad draw two_layer --sizes 4 10 3 -o net.svg
      values above the arrows, gradients below; as .svg, .png or .pdf this needs Graphviz

  python -m handgrad draw three_layer --no-values --no-gradients
      only the graph, in Mermaid, which code hosts render in Markdown

  python -m handgrad draw mlp --sizes 4 10 10 10 10 10 10 3 --activation tanh --fold -o deep.svg
      the repeated layers as a single node
"""

#: The number of layers of each perceptron; that of an mlp is only the default.
_DEPTHS = {name: net.DEPTH for name, net in NETWORKS.items() if "DEPTH" in vars(net)} | {"mlp": 4}


def add(commands: Any) -> None:
    """Add the command to the parser."""
    draw = commands.add_parser(
        "draw",
        help="draw a network's computational graph, with values and gradients",
        description="Draw the computational graph of a network's loss, with values and gradients, for random examples "
        "and weights.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    draw.add_argument("network", choices=_DEPTHS, metavar="NETWORK", help=", ".join(_DEPTHS))
    draw.add_argument(
        "--sizes", type=int, nargs="+", metavar="SIZE", help="inputs, hidden units and classes (default: 4 10 … 3)"
    )
    draw.add_argument(
        "--activation", choices=ACTIVATIONS, metavar="NAME", help=f"for mlp: {', '.join(ACTIVATIONS)} (default: relu)"
    )
    for name, kind, default, meaning in [
        ("--batch", int, 5, "examples"),
        ("--reg", float, 0.1, "strength of the L2 penalty on the weights"),
        ("--seed", int, 0, "for the examples and weights"),
    ]:
        draw.add_argument(
            name, type=kind, default=default, metavar=name[2].upper(), help=f"{meaning} (default: {default})"
        )
    draw.add_argument("--no-values", action="store_true", help="omit the values")
    draw.add_argument("--no-gradients", action="store_true", help="omit the gradients")
    draw.add_argument("--fold", action="store_true", help="draw repeated layers as a single node")
    draw.add_argument(
        "-o", "--output", metavar="FILE", help="write the drawing to FILE: .svg, .png, .pdf, .dot, .gv, .mmd or .md"
    )
    draw.add_argument(
        "--format", choices=["mermaid", "dot"], help="language to print without --output (default: mermaid)"
    )
    draw.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    if args.output and args.format:
        raise ValueError("--format cannot be combined with --output; the suffix sets the format")
    drawing = graph.draw(_loss(args), gradients=not args.no_gradients, values=not args.no_values, fold=args.fold)
    if args.output:
        drawing.save(args.output)
        print(f"drawing saved to {args.output}")
    else:
        print(drawing.dot if args.format == "dot" else drawing.mermaid, end="")


def _loss(args: argparse.Namespace) -> Any:
    """Return the network's loss as a graph."""
    is_mlp, depth = args.network == "mlp", _DEPTHS[args.network]
    sizes = args.sizes or [4, *[10] * (depth - 1), 3]
    if args.activation and not is_mlp:
        raise ValueError(f"--activation requires mlp, got {args.network}, whose hidden units are ReLUs")
    if len(sizes) < 2 or (len(sizes) != depth + 1 and not is_mlp) or min(sizes) < 1:
        count = "at least two" if is_mlp else depth + 1
        raise ValueError(f"--sizes of {args.network} must be {count} positive integers, got {sizes}")
    if args.batch < 1:
        raise ValueError(f"--batch must be at least 1, got {args.batch}")
    if args.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {args.seed}")
    rng = np.random.default_rng(args.seed)
    X = graph.Variable(rng.standard_normal((args.batch, sizes[0])), "X")
    y = rng.integers(0, sizes[-1], args.batch)
    params = graph.variables(init_params(sizes, rng=rng))
    return graph.network_loss(params, X, y, args.reg, activation=[args.activation or "relu"] * (len(sizes) - 2))
