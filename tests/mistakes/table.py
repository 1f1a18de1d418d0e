"""Prints the table of docs/check.md: each mistake, and the causes that the verdict names.

python -m tests.mistakes.table
"""

import oracle

from .candidates import candidate
from .causes import CAUSES
from .invented import INVENTED
from .made import MADE


def main() -> int:
    right = 0
    print("| mistake | found in | the verdict's causes |\n|---|---|---|")
    for name, expected in CAUSES.items():
        mistake = (MADE | INVENTED)[name]
        verdict = oracle.check(candidate(mistake.formulas), "two_layer")
        right += verdict.causes == expected and not verdict.ok
        seen = f"[thread]({mistake.seen})" if mistake.seen else "made in courses" if name in MADE else "invented"
        mark = "" if verdict.causes == expected else f" **expected {expected}**"
        print(f"| {name} | {seen} | {', '.join(f'`{c}`' for c in verdict.causes) or 'none named'}{mark} |", flush=True)
    print(f"\n{right} of {len(CAUSES)} as expected")
    return int(right != len(CAUSES))


if __name__ == "__main__":
    raise SystemExit(main())
