"""Count the false positives of ``oracle.check`` on correct programs, in every convention and on new problems each time.

Usage: python -m tests.tools.false_positives [--calls 1000] [--seed 0]
"""

import argparse
import itertools
import time

from rich.progress import track

import oracle
from tests.mistakes.styles import correct_programs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.false_positives", description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the first call (default: 0)")
    options = parser.parse_args()
    programs = correct_programs()
    started, count = time.perf_counter(), 0
    calls = itertools.islice(itertools.cycle(programs.items()), options.calls)
    for i, (name, (candidate, conventions)) in enumerate(track([*calls], "checking")):
        verdict = oracle.check(candidate, "two_layer", conventions=conventions, seed=options.seed + i)
        if not verdict.ok:
            count += 1
            print(f"{name} (seed {options.seed + i}):\n{verdict}\n", flush=True)
    took = f"{time.perf_counter() - started:.0f} s"
    print(f"{count} false positives in {options.calls} calls on {len(programs)} correct programs, {took}")
    return int(count > 0)


if __name__ == "__main__":
    raise SystemExit(main())
