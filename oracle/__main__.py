"""The command line: ``python -m oracle verify``, and the other commands in ``oracle.commands``."""

import argparse
import sys
from collections.abc import Sequence

from oracle.commands import accuracy, bench, check, sensitivity, throughput, vectors, verify

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 when all agrees, 1 when anything disagrees, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m oracle", description="Proves hand-derived gradients.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (verify, check, accuracy, vectors, sensitivity, throughput, bench):
        command.add(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
