"""The mistakes that docs/playground.md plants, in Python, and what the oracle says of each.

python -m tests.tools.playground > docs/_static/playground/verdicts.js
"""

import json

import oracle
from oracle.diagnosis import VOCABULARY
from tests.mistakes.candidates import candidate
from tests.mistakes.reported import HIDDEN, MADE
from tests.mistakes.two_layer import mistake

HEAD = "// What oracle.check says of each planted mistake. Made by tests/tools/playground.py: do not edit.\n"

ONE_HOT_MISSING = "label's 1 not subtracted"
CATALOGUE = MADE | {
    ONE_HOT_MISSING: mistake("W1", "b1", "W2", "b2", ds=lambda q: q.p / q.N),
    "mask missing": mistake(*HIDDEN, dz1=lambda q: q.dh),
}

#: By what they get wrong, from the loss down.
PLANTED = {
    name: CATALOGUE[name]
    for name in (
        "sum over the batch and not the mean",
        "mean taken twice",
        "bias gradients averaged",
        ONE_HOT_MISSING,
        "target minus output",
        "labels shifted by a row",
        "fancy index loses repeated labels",
        "mask missing",
        "mask taken on the gradient",
        "mask of one at zero",
        "relu where its derivative belongs",
        "W2 already updated",
        "transpose missing where H = C",
        "penalty gradient of W1 missing",
        "penalty without the half",
        "biases penalised in the gradient",
    )
}


def verdict(name):
    """Return the cause of a mistake and the oracle's words for it, the same whichever problems show the mistake."""
    for examples in (5, 25, 100):  # a few are enough for most
        found = oracle.check(candidate(PLANTED[name].formulas), "two_layer", examples=examples)
        if not found.ok:
            break
    (explanation,) = found.explanations
    arrays = ", ".join(sorted(explanation.arrays, key=["loss", "W1", "b1", "W2", "b2"].index))
    return {
        "cause": explanation.cause,
        "lines": [
            "two_layer: WRONG",
            f"cause: {explanation.cause}: {VOCABULARY[explanation.cause].sentence} [{arrays}: {explanation.algebra}]",
        ],
        "seen": PLANTED[name].seen,
    }


def main():
    print(HEAD + '"use strict";\n\nhandgrad.VERDICTS = {')
    for name in PLANTED:
        print(f"  {json.dumps(name)}: {json.dumps(verdict(name), ensure_ascii=False)},")
    print("};")


if __name__ == "__main__":
    main()
