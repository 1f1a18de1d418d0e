"""The measures of ``python -m oracle bench``: their rows, and the programs compared in each."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from oracle.benchmarks import derivatives, epochs, processes, steps
from oracle.benchmarks.timing import rounds

__all__ = ["MEASURES", "Figures", "Measure"]

#: For each program, a figure for each round: seconds, or bytes.
Figures = Mapping[str, Sequence[float]]

#: Takes a dtype, the programs and the number of rounds; yields the figures after each round.
Row = Callable[[str, Sequence[str], int], Iterator[Figures]]


class Measure(NamedTuple):
    """One kind of measurement.

    Attributes
    ----------
    heading : str
        The heading of the column of labels.
    programs : sequence of str
        The others are compared with the first.
    rows : dict
        The rows by label, those of a quick run first.
    quick : int
        The number of rows of a quick run.
    dtypes : sequence of str
    unit : str
        "s" or "B".
    """

    heading: str
    programs: Sequence[str]
    rows: Mapping[str, Row]
    quick: int
    dtypes: Sequence[str] = ("float64", "float32")
    unit: str = "s"


def _timed(programs: Callable[[Any, Sequence[str]], Mapping[str, Callable[[], Any]]]) -> Row:
    """Return a row that times the programs made for its dtype."""

    def measure(dtype: str, names: Sequence[str], count: int) -> Iterator[Figures]:
        for found in rounds(programs(np.dtype(dtype).type, names), count):
            yield {name: timing.seconds for name, timing in found.items()}

    return measure


def _step(shape: steps.Shape) -> Row:
    return _timed(lambda dtype, names: {n: steps.PROGRAMS[n](steps.problem(shape, dtype)) for n in names})


def _epoch(batch_size: int) -> Row:
    return _timed(lambda dtype, names: {n: epochs.PROGRAMS[n](epochs.training_run(batch_size, dtype)) for n in names})


def _quantity(what: str, shape: steps.Shape) -> Row:
    def programs(dtype: Any, names: Sequence[str]) -> Mapping[str, Callable[[], Any]]:
        both = derivatives.QUANTITIES[what](steps.problem(shape, dtype))
        return {name: both[name] for name in names}

    return _timed(programs)


def _first_gradient(dtype: str, names: Sequence[str], count: int) -> Iterator[Figures]:
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(count):
        for name in names:
            start = time.perf_counter()
            processes.first_gradient(name)
            found[name].append(time.perf_counter() - start)
        yield found


def _memory(shape: steps.Shape) -> Row:
    def measure(dtype: str, names: Sequence[str], count: int) -> Iterator[Figures]:
        yield {name: [processes.MEMORY[name](shape, dtype)] for name in names}  # it is the same each time

    return measure


def _label(shape: steps.Shape) -> str:
    return ", ".join(map(str, shape))


_STEPS = [steps.SHAPES[i] for i in (0, 3, 1, 2, 4, 5)]
_FURTHER: list[steps.Shape] = [(128, 784, 256, 10), (5, 4, 10, 3), (64, 64, 100, 10), (1024, 784, 256, 10)]

MEASURES: Mapping[str, Measure] = {
    "steps": Measure("loss and gradient: N, D, H, C", [*steps.PROGRAMS], {_label(s): _step(s) for s in _STEPS}, 2),
    "epochs": Measure(
        "an epoch on the digits", [*epochs.PROGRAMS], {f"batches of {n}": _epoch(n) for n in epochs.BATCH_SIZES}, 1
    ),
    "further": Measure(
        "N, D, H, C",
        ["handgrad", "jax"],
        {f"{_label(s)}: {what}": _quantity(what, s) for s in _FURTHER for what in derivatives.QUANTITIES},
        len(derivatives.QUANTITIES),
    ),
    "start": Measure(
        "a new process", [*processes.FIRST_GRADIENTS], {"to its first gradient": _first_gradient}, 1, ["float64"]
    ),
    "memory": Measure(
        "memory of a step: N, D, H, C",
        [*processes.MEMORY],
        {_label(s): _memory(s) for s in steps.SHAPES[3:]},
        1,
        unit="B",
    ),
}
