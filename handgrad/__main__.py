"""The command line, ``python -m handgrad``: each command is a module of ``handgrad.commands``."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from handgrad.commands import draw, train
from handgrad.training.fit import TrainingDiverged, TrainingInterrupted

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"handgrad: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 (diverged), 2 (bad usage or data) or 130 (Ctrl-C)."""
    parser = _Parser(prog="python -m handgrad", description="Hand-derived backpropagation in NumPy.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in (train, draw):
        command.add(commands)
    args = parser.parse_args(argv)
    if "run" not in args:
        parser.print_help()
        return 0
    try:
        args.run(args)
    except (ImportError, OSError, ValueError) as error:
        print(f"handgrad: error: {error}", file=sys.stderr)
        return 2
    except TrainingDiverged as error:
        print(f"handgrad: error: {error}{_saved(args)}; a lower --learning-rate may help", file=sys.stderr)
        return 1
    except TrainingInterrupted as error:
        print(f"handgrad: {error}{_saved(args) or '; nothing was saved, as --checkpoint is missing'}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("handgrad: interrupted", file=sys.stderr)
        return 130
    return 0


def _saved(args: argparse.Namespace) -> str:
    return f"; the run so far is in {args.checkpoint}, continue it with --resume" if args.checkpoint else ""


if __name__ == "__main__":
    sys.exit(main())
