"""Prints docs/causes.md: what a verdict can name, and what it names for each mistake.

python -m tests.tools.mistakes_table > docs/causes.md
"""

import sys

import oracle
from oracle.diagnosis import VOCABULARY
from tests.mistakes.candidates import candidate
from tests.mistakes.causes import CAUSES
from tests.mistakes.reported import MADE, buffers
from tests.mistakes.synthetic import INVENTED

HEAD = """# The causes that a verdict can name

`python -m tests.tools.mistakes_table > docs/causes.md` makes this page; [check your own gradient](check.md) says how a
verdict comes about. The names are stable: code may rely on them.

## The vocabulary

| cause | what a teacher would say | what the derivation says |
|---|---|---|"""

MISTAKES = """
## Every mistake of the collection, and its verdict

`tests/mistakes/` holds mistakes that people made, with the thread where one was seen, and more that were invented. This
is what `oracle.check` names as the cause of each at its default options; "none named" means that the verdict says WRONG
and which entries, and that no known mistake explains them.

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
        mistake = (MADE | INVENTED)[name]
        verdict = oracle.check(candidate(mistake.formulas), "two_layer")
        right += verdict.causes == expected and not verdict.ok
        named += bool(verdict.causes)
        seen = f"[a thread]({mistake.seen})" if mistake.seen else "courses" if name in MADE else "invented"
        print(f"| {name} | {seen} | {', '.join(f'`{c}`' for c in verdict.causes) or 'none named'} |", flush=True)
    if right != len(CAUSES):
        print(f"{len(CAUSES) - right} verdicts are not as expected", file=sys.stderr)
        return 1
    print(f"\nAll {right} mistakes are found wrong; {named} get a cause, the right one in each case.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
