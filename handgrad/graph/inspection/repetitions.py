"""Repeated layers: subsequences of operations that follow themselves several times."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Repetition", "repetitions"]

#: Most operations of one layer: without a bound the search would be cubic.
_MAX_PERIOD = 64


class Repetition(NamedTuple):
    """The same ``period`` operations, ``times`` times, from index ``start`` on."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """The first index after it."""
        return self.start + self.period * self.times


def repetitions(labels: Sequence[object], reads: Sequence[Sequence[int]]) -> list[Repetition]:
    """Return the repetitions in a sequence of operations: from left to right, each time the longest.

    Two stretches are the same if their operations are, and read the same places within the stretch and the one before
    it. The first may read anything from outside, as a network's first layer reads the data; each further one must read
    from the one before. No path leaves a stretch of a topological order and enters it again, so that drawing it as one
    node makes no cycle.

    Parameters
    ----------
    labels : sequence
        The operations, in a topological order.
    reads : sequence of sequences of int
        The indices of the operations that each reads, −1 for anything else.

    Returns
    -------
    list of Repetition
        Of at least three operations each, in order, without overlap.

    Examples
    --------
    >>> from handgrad.graph.inspection.repetitions import repetitions
    >>> repetitions(["@", "tanh", "@", "tanh", "@", "tanh", "loss"], [[-1], [0], [1], [2], [3], [4], [5]])
    [Repetition(start=0, period=2, times=3)]
    """
    found: list[Repetition] = []
    start = 0
    while start < len(labels):
        periods = range(1, min(_MAX_PERIOD, (len(labels) - start) // 2) + 1)
        candidates = [_repetition(labels, reads, start, period) for period in periods]
        worth_it = [r for r in candidates if r.times > 1 and r.end - start > 2]
        if worth_it:
            found.append(max(worth_it, key=lambda r: r.end))
        start = found[-1].end if worth_it else start + 1
    return found


def _repetition(labels: Sequence[object], reads: Sequence[Sequence[int]], start: int, period: int) -> Repetition:
    """Return the repetition, perhaps of one time, that starts at ``start``."""
    end = start + period
    while end < len(labels) and labels[end] == labels[end - period] and _alike(reads, start, end, period):
        end += 1
    times = 1
    while times < (end - start) // period and _follows(reads, start + times * period, period):
        times += 1
    return Repetition(start, period, times)


def _alike(reads: Sequence[Sequence[int]], start: int, i: int, period: int) -> bool:
    """Return True if operation i reads what the one a period before it reads, shifted by a period."""
    earlier, second = reads[i - period], i < start + 2 * period
    if len(reads[i]) != len(earlier):
        return False
    return all(a - b == period if b >= start else second or a < start for a, b in zip(reads[i], earlier))


def _follows(reads: Sequence[Sequence[int]], begin: int, period: int) -> bool:
    """Return True if the stretch that begins there reads from the one before."""
    return any(begin - period <= a < begin for i in range(begin, begin + period) for a in reads[i])
