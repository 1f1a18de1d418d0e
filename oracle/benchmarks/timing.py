"""Timings of several programs side by side, so that what disturbs the machine disturbs all of them."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Timing", "rounds"]


@dataclass
class Timing:
    """The duration of one call.

    Attributes
    ----------
    seconds : list of float
        One figure for each round: the mean over the calls of its block.
    """

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median over the rounds, in seconds."""
        return float(np.median(self.seconds))

    def ratio(self, other: "Timing") -> tuple[float, float, float]:
        """Return the ratio of its times to the other's, round by round: lower quartile, median, upper quartile."""
        paired = [a / b for a, b in zip(self.seconds, other.seconds)]
        low, median, high = np.quantile(paired, [0.25, 0.5, 0.75])
        return float(low), float(median), float(high)


def rounds(
    programs: Mapping[str, Callable[[], Any]], count: int, *, block: float = 0.1, pause: float = 0.2
) -> Iterator[dict[str, Timing]]:
    """Time the programs in turn, each in its own block of calls, and yield the timings after each round.

    Blocks are separated by a pause: one library's idle threads keep spinning for a while, and would slow down the next
    by a factor of up to three. Each round begins with a different program.

    Parameters
    ----------
    programs : dict of callables
        Each takes no arguments and returns once its work is done.
    count : int
        The number of rounds.
    block, pause : float
        In seconds. A block is a single call if that takes longer.

    Examples
    --------
    >>> import numpy as np
    >>> from oracle.benchmarks.timing import rounds
    >>> x = np.ones((100, 100))
    >>> for found in rounds({"sum": x.sum, "product": lambda: x @ x}, 3, block=1e-3, pause=0):
    ...     pass
    >>> len(found["sum"].seconds), found["product"].ratio(found["sum"])[1] > 1
    (3, True)
    """
    names = list(programs)
    calls = {name: max(1, round(block / _once(programs[name]))) for name in names}
    found = {name: Timing() for name in names}
    for i in range(count):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            time.sleep(pause)
            program = programs[name]
            program()  # the pause has let caches and threads go cold
            start = time.perf_counter()
            for _ in range(calls[name]):
                program()
            found[name].seconds.append((time.perf_counter() - start) / calls[name])
        yield found


def _once(program: Callable[[], Any]) -> float:
    """Return the duration of a call, leaving out the first, which compiles."""
    program()
    start, calls = time.perf_counter(), 0
    while (seconds := time.perf_counter() - start) < 0.01 or not calls:
        program()
        calls += 1
    return seconds / calls
