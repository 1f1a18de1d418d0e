"""The verdict of a check: the errors, their causes, where they show, and what the check could not have seen."""

import textwrap
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from oracle.diagnosis import VOCABULARY, DetectionPower, Explanation
from oracle.rounding.bounds import Comparison

__all__ = ["Finding", "Verdict", "WrongGradient"]

WIDTH = 118


class WrongGradient(AssertionError):
    """A gradient is wrong; the message is the verdict."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: an array's numbers, or a promise that is broken.

    ``comparison`` has the entry that is furthest off, what was returned and what is right; it is None for a promise.
    """

    array: str
    sentence: str
    #: The number of problems on which it shows.
    problems: int
    comparison: Comparison | None = None
    #: The wrong entries in words: "all 12 entries", "one column: class 2", …
    pattern: str = ""
    #: Error over bound, entry by entry, on the smallest failing problem.
    excess: NDArray[Any] | None = None

    def __str__(self) -> str:
        """Return the finding in a line."""
        return f"{self.sentence}{f' ({self.pattern})' if self.pattern else ''}"


@dataclass(frozen=True)
class Verdict:
    """The result of :func:`oracle.check`.

    Attributes
    ----------
    ok : bool
        True if nothing is wrong.
    findings : tuple of Finding
        The errors, array by array.
    causes : tuple of str
        The names of the causes, from the vocabulary in ``docs/check.md``; empty where nothing explains it.
    explanations : tuple of Explanation
        For each cause what was computed, in which arrays it shows, and when.
    remarks : tuple of str
        Notes on what is correct and could be better.
    unseen : tuple of str
        The mistakes that the problems drawn could not have shown.
    power : DetectionPower or None
        The share of planted mistakes that this check catches, and the smallest error.
    snippet : str
        The smallest failing problem, as code for NumPy alone; empty if nothing failed.

    References
    ----------
    ``docs/check.md``.
    """

    name: str
    problems: int
    failed: int
    seed: int | None
    seconds: float
    findings: tuple[Finding, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    when: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    power: DetectionPower | None = None
    stage: str = ""
    snippet: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.findings

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the causes, each once."""
        named = (cause for e in self.explanations for cause in (e.cause, *(a for a, _ in e.alternatives)))
        return tuple(dict.fromkeys(named))

    def raise_if_wrong(self) -> None:
        """Raise ``WrongGradient``, an ``AssertionError`` with this verdict for its message, unless all is right."""
        __tracebackhide__ = True
        if not self.ok:
            raise WrongGradient(f"\n{self}")

    def to_html(self, path: Any) -> None:
        """Write the verdict as one self-contained page: see :func:`oracle.reports.html.write`."""
        from oracle.reports.html import write  # matplotlib takes a second to import

        write(self, path)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as what ``json.dump`` takes."""
        return {
            "name": self.name,
            "ok": self.ok,
            "problems": self.problems,
            "failed": self.failed,
            "seed": self.seed,
            "causes": list(self.causes),
            "findings": [
                {
                    "array": f.array,
                    "sentence": f.sentence,
                    "problems": f.problems,
                    "pattern": f.pattern,
                    **(_json_of(f.comparison) if f.comparison else {}),
                }
                for f in self.findings
            ],
            "explanations": [
                {
                    "cause": e.cause,
                    "sentence": VOCABULARY[e.cause].sentence,
                    "algebra": e.algebra,
                    "arrays": list(e.arrays),
                    "when": list(e.when),
                    "alternatives": [cause for cause, _ in e.alternatives],
                }
                for e in self.explanations
            ],
            "when": list(self.when),
            "stage": self.stage,
            "remarks": list(self.remarks),
            "unseen": list(self.unseen),
            "power": self.power.share if self.power else None,
            "snippet": self.snippet,
        }

    def __str__(self) -> str:
        """Return the verdict as text: at most 15 lines for one mistake."""
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        seed = "" if self.seed is None else f" (seed {self.seed})"
        if self.ok:
            lines = [f"{self.name}: correct on {self.problems} problems{seed}, {self.seconds:.1f} s"]
        else:
            lines = [f"{self.name}: WRONG on {self.failed} of {self.problems} problems{seed}, {self.seconds:.1f} s"]
        shown = self.findings[:2]
        lines += [f"  {f}" for f in shown]
        named = {f.array for f in shown}
        rest = [name for name in dict.fromkeys(f.array or f.sentence for f in self.findings[2:]) if name not in named]
        if rest:
            lines.append(f"  also wrong: {', '.join(rest)}")
        for e in self.explanations:
            lines += _wrapped(f"cause: {e.cause}", f"{VOCABULARY[e.cause].sentence} {_shown(e)}")
        if self.findings and not self.explanations:
            lines.append("  cause: none of the known mistakes explains it")
        if self.when:
            lines.append(f"  only where {' and where '.join(self.when)}")
        lines += [f"  first wrong stage: {self.stage}"] if self.stage else []
        lines += [f"  note: {note}" for note in self.notes]
        lines += [line for remark in self.remarks for line in _wrapped("note", remark)]
        lines += [f"  not covered: {unseen}" for unseen in self.unseen]
        if self.power:
            lines.append(
                f"  detection power: {self.power.caught} of {self.power.planted} planted mistakes show; so does an "
                f"error in one entry of {self.power.smallest_error:.0e} of the largest"
            )
        if self.snippet:
            lines += ["", *self.snippet.splitlines()]
        return lines


def _json_of(c: Comparison) -> dict[str, Any]:
    return {
        "entry": list(c.index),
        "returned": c.given,
        "right": c.expected,
        "error": c.error,
        "bound": c.bound,
    }


def _shown(e: Explanation) -> str:
    parts = [f"[{', '.join(e.arrays)}: {e.algebra}]" if e.algebra else f"[{', '.join(e.arrays)}]" if e.arrays else ""]
    if e.when:
        parts.append(f"Only where {' and where '.join(e.when)}.")
    for cause, algebra in e.alternatives:
        parts.append(f"Or {cause}: {algebra} explains it as well.")
    return " ".join(filter(None, parts))


def _wrapped(heading: str, text: str) -> list[str]:
    return textwrap.wrap(f"{heading}: {text}", WIDTH, initial_indent="  ", subsequent_indent="    ")
