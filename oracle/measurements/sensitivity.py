"""The sensitivity of the oracle: one entry of a correct gradient is changed, and the comparison must notice."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import handgrad
from oracle.gradients import autodiff
from oracle.strategies.arrays import SCALES
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.runner import collect

__all__ = ["ERRORS", "SIZES", "SensitivityCurve", "drawn_problems", "sized_problems"]

#: Errors planted, relative to the largest entry of the gradient that the entry is in.
ERRORS = (1e-13, 1e-12, 1e-11, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4)

#: Networks (N, D, H, C) up to 5,000 parameters.
SIZES = ((5, 4, 10, 3), (16, 30, 40, 10), (64, 64, 64, 10))


@dataclass
class SensitivityCurve:
    """The counts, for one kind of problem, of how often an error of each size is noticed."""

    tried: int = 0
    caught: dict[float, int] = field(default_factory=lambda: defaultdict(int))

    def plant(self, problem: NetworkProblem, rng: np.random.Generator) -> None:
        """Change one entry of each gradient by each size of error, up or down, and count the errors noticed."""
        reference, right = autodiff.answers(problem), problem.answers()
        for name in problem.params:
            expected = reference.expected[name].ravel()
            largest = np.max(np.abs(expected))
            if largest == 0:  # no error is small relative to 0
                continue
            i = rng.integers(expected.size)
            direction = rng.choice((-1, 1))
            self.tried += 1
            for size in ERRORS:
                wrong = float(right[name].ravel()[i]) + direction * size * largest
                self.caught[size] += not abs(wrong - expected[i]) <= reference.bound[name].ravel()[i]

    def share(self, size: float) -> float:
        """Return the share of errors of that size that were caught."""
        return self.caught[size] / self.tried if self.tried else float("nan")


def drawn_problems(problems: int, *, dtype: Any, seed: int) -> dict[str, list[NetworkProblem]]:
    """Return two-layer problems as ``verify`` draws them, by the scale of their entries."""
    found: dict[str, list[NetworkProblem]] = {scale: [] for scale in SCALES}

    for problem in collect(network_problems("two_layer", dtype), examples=problems, seed=seed):
        (scale,) = problem.features & set(SCALES)
        found[scale].append(problem)
    return found


def sized_problems(
    sizes: tuple[int, int, int, int], problems: int, *, dtype: Any, seed: int
) -> Iterator[NetworkProblem]:
    """Yield ordinary two-layer problems of one size."""
    N, D, H, C = sizes
    rng = np.random.default_rng(seed)
    for _ in range(problems):
        params = handgrad.init_params([D, H, C], rng=rng, dtype=dtype)
        for name in ("b1", "b2"):
            params[name] += 0.1 * rng.standard_normal(params[name].shape).astype(dtype)
        X = rng.standard_normal((N, D)).astype(dtype)
        yield NetworkProblem("two_layer", params, X, rng.integers(0, C, N), float(dtype(0.01)))
