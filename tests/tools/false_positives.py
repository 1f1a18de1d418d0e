"""Calls ``oracle.check`` on right programs, in every convention and with new problems each time, and counts alarms.

python -m tests.tools.false_positives --calls 1000
"""

import argparse
import itertools
import time

from rich.progress import track

import oracle
from tests.mistakes.styles import right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    programs = right()
    started, alarms = time.perf_counter(), 0
    calls = itertools.islice(itertools.cycle(programs.items()), options.calls)
    for i, (name, (candidate, conventions)) in enumerate(track([*calls], "checking")):
        verdict = oracle.check(candidate, "two_layer", conventions=conventions, seed=options.seed + i)
        if not verdict.ok:
            alarms += 1
            print(f"{name} (seed {options.seed + i}):\n{verdict}\n", flush=True)
    took = f"{time.perf_counter() - started:.0f} s"
    print(f"{alarms} alarms in {options.calls} calls on {len(programs)} right programs, {took}")
    return int(alarms > 0)


if __name__ == "__main__":
    raise SystemExit(main())
