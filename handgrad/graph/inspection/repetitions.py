"""Repeated layers: where a sequence of operations is the same one several times over."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Repetition", "repetitions"]

#: A layer has at most so many operations: without a bound the search would be cubic.
_LONGEST = 64


class Repetition(NamedTuple):
    """``times`` times over, from ``start`` on, the same ``period`` operations."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """The first index after it."""
        return self.start + self.period * self.times


def repetitions(labels: Sequence[object], reads: Sequence[Sequence[int]]) -> list[Repetition]:
    """Return the repetitions in a sequence of operations, from its beginning on the one that covers most.

    Two stretches are the same if their operations are, and each reads the same places within its stretch and those
    before it. The first may read anything from outside, as the first layer of a network reads the data; and each
    further one has to read from the one before. A stretch of a topological order is left and entered, never both on one
    path, so that the graph stays without a cycle when it is drawn as one node.

    Parameters
    ----------
    labels : sequence
        What each operation is, in a topological order.
    reads : sequence of sequences of int
        The operations that each reads, −1 for what is none.

    Returns
    -------
    list of Repetition
        Of at least three operations each, in order, apart from each other.

    Examples
    --------
    >>> from handgrad.graph.inspection.repetitions import repetitions
    >>> repetitions(["@", "tanh", "@", "tanh", "@", "tanh", "loss"], [[-1], [0], [1], [2], [3], [4], [5]])
    [Repetition(start=0, period=2, times=3)]

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    found: list[Repetition] = []
    start = 0
    while start < len(labels):
        periods = range(1, min(_LONGEST, (len(labels) - start) // 2) + 1)
        candidates = [_repetition(labels, reads, start, period) for period in periods]
        worth_it = [r for r in candidates if r.times > 1 and r.end - start > 2]
        if worth_it:
            found.append(max(worth_it, key=lambda r: r.end))
        start = found[-1].end if worth_it else start + 1
    return found


def _repetition(labels: Sequence[object], reads: Sequence[Sequence[int]], start: int, period: int) -> Repetition:
    """Return how often the operations from ``start`` on are repeated, perhaps once."""
    end = start + period
    while end < len(labels) and labels[end] == labels[end - period] and _alike(reads, start, end, period):
        end += 1
    times = 1
    while times < (end - start) // period and _follows(reads, start + times * period, period):
        times += 1
    return Repetition(start, period, times)


def _alike(reads: Sequence[Sequence[int]], start: int, i: int, period: int) -> bool:
    """Whether operation i reads what the one a period before reads, a period later."""
    earlier, second = reads[i - period], i < start + 2 * period
    if len(reads[i]) != len(earlier):
        return False
    return all(a - b == period if b >= start else second or a < start for a, b in zip(reads[i], earlier))


def _follows(reads: Sequence[Sequence[int]], begin: int, period: int) -> bool:
    """Whether the stretch that begins there reads from the one before."""
    return any(begin - period <= a < begin for i in range(begin, begin + period) for a in reads[i])
