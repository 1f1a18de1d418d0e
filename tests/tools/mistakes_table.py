"""Print docs/causes.md: the causes that a verdict can name, and those of each known mistake.

Usage: python -m tests.tools.mistakes_table > docs/causes.md
"""

import argparse
import sys

import oracle
from oracle.diagnosis import VOCABULARY
from tests.mistakes.candidates import candidate
from tests.mistakes.causes import CAUSES
from tests.mistakes.reported import REPORTED, buffers
from tests.mistakes.synthetic import SYNTHETIC

HEAD = """# The causes that a verdict can name

[Check your own gradient](check.md) explains how a verdict is reached. The names below are stable, so code can rely on
them. `python -m tests.tools.mistakes_table > docs/causes.md` writes this page.

## The causes

| cause | explanation | derivation |
|---|---|---|"""

MISTAKES = """
## Verdicts on the known mistakes

`tests/mistakes/` collects mistakes that people made, with public threads, and invented ones. The table lists the causes
that `oracle.check` names at its default options; "none named" means that the verdict is WRONG and lists the wrong
entries, but no known mistake explains them.

| mistake | found in | causes named |
|---|---|---|"""


def vocabulary() -> str:
    """Return the rows of the first table."""
    return "\n".join(
        f"| `{name}` | {cause.sentence} | {f'${cause.algebra}$' if cause.algebra else ''} |"
        for name, cause in VOCABULARY.items()
    )


def main() -> int:
    print(f"{HEAD}\n{vocabulary()}\n{MISTAKES}")
    right = named = 0
    for name, expected in CAUSES.items():
        buffers.clear()
        mistake = (REPORTED | SYNTHETIC)[name]
        verdict = oracle.check(candidate(mistake.formulas), "two_layer")
        right += verdict.causes == expected and not verdict.ok
        named += bool(verdict.causes)
        seen = f"[a thread]({mistake.seen})" if mistake.seen else "courses" if name in REPORTED else "invented"
        print(f"| {name} | {seen} | {', '.join(f'`{c}`' for c in verdict.causes) or 'none named'} |", flush=True)
    if right != len(CAUSES):
        print(f"{len(CAUSES) - right} verdicts are not as expected", file=sys.stderr)
        return 1
    print(f"\nAll {right} mistakes are detected; {named} get a cause, the correct one each time.")
    return 0


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m tests.tools.mistakes_table", description=__doc__.splitlines()[0]
    ).parse_args()
    raise SystemExit(main())
