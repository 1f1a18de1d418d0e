"""What a check could have seen: the mistakes of the table planted beside the candidate's own answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.mistakes import BIASES, HIDDEN, PENALTIES, RIGHT, SCORES, WEIGHTS, Form, Forward
from oracle.diagnosis.perceptrons.probes import probes
from oracle.strategies.networks import NetworkProblem

__all__ = ["Power", "power"]

Array = NDArray[Any]

#: A change of the probes' gradients, which are of order 1, that may be rounding.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Power:
    """How many planted mistakes were caught, which were not, and the smallest error that would have been."""

    planted: int
    caught: int
    #: The cause and formula of each mistake that nothing drawn shows.
    missed: tuple[tuple[str, str], ...]
    #: An error in one entry as large as this, relative to the largest entry of its gradient, is seen.
    smallest_error: float

    @property
    def share(self) -> float:
        """The share of the planted mistakes that was caught."""
        return self.caught / self.planted if self.planted else 0.0


def power(checked: Sequence[tuple[NetworkProblem, Mapping[str, Array], Mapping[str, Array]]]) -> Power:
    """Plant every single mistake of the table in the right gradients and see which the bounds let through.

    ``checked`` are the problems, what is right, and the bounds. What is no mistake in this network, as a missing mask
    where no layer has one, shows on none of the probes either, and is not planted.
    """
    missed: dict[tuple[str, str], None] = {}
    planted = 0
    with np.errstate(all="ignore"):
        forwards = [(Forward(p), bound) for p, _, bound in checked]
        first = checked[0][0]
        samples = [Forward(p) for p in probes(first, seed=0)]
        for cause, algebra, plant in _mistakes(samples[0].depth):
            caught = any(_shows(plant(q), bound) for q, bound in forwards)
            if caught or any(np.any(np.abs(d) > ROUNDING) for q in samples for d in plant(q).values()):
                planted += 1
                if not caught:
                    missed[cause, algebra] = None
    relative: dict[str, float] = {}
    for problem, expected, bound in checked:
        for name in problem.params:
            largest = np.max(np.abs(expected[name]), initial=0.0)
            if largest and np.isfinite(largest):
                relative[name] = min(relative.get(name, np.inf), float(np.max(bound[name]) / largest))
    return Power(planted, planted - len(missed), tuple(missed), max(relative.values(), default=np.inf))


def _shows(difference: Mapping[str, Array], bound: Mapping[str, Array]) -> bool:
    return any(not np.all(np.abs(d) <= bound[name]) for name, d in difference.items())


def _mistakes(depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield each mistake: its cause, its formula, and a function that gives by how much it changes the gradients."""
    for form in SCORES[1:]:
        yield form.cause, form.algebra, lambda q, form=form: _below(q, q.depth, form.of(q) - RIGHT.of(q))
    for i in range(depth, 0, -1):
        for form in HIDDEN[1:] if i < depth else ():
            yield form.cause, f"{form.algebra}, i = {i}", lambda q, i=i, form=form: _hidden(q, i, form)
        for form in WEIGHTS[1:]:
            yield form.cause, f"{form.algebra}, i = {i}", lambda q, i=i, form=form: _weights(q, i, form)
        for form in BIASES[1:]:
            yield form.cause, f"{form.algebra}, i = {i}", lambda q, i=i, form=form: _biases(q, i, form)
    for name in (f"{kind}{i}" for i in range(1, depth + 1) for kind in "Wb"):
        for form in PENALTIES[1:]:
            if name.startswith("W") != (form.cause == "l2-on-bias"):
                yield (
                    form.cause,
                    f"{form.algebra}, in d{name}",
                    lambda q, name=name, form=form: {name: form.of(q, name) - q.penalty(name)} if q.reg else {},
                )


def _dz(q: Forward, i: int) -> Array:
    dz = RIGHT.of(q)
    for j in range(q.depth, i, -1):
        q.dh = dz @ q.W(j).T  # type: ignore[attr-defined]
        dz = q.dh * q.slope[j - 1]  # type: ignore[attr-defined]
    return np.asarray(dz)


def _below(q: Forward, i: int, change: Array) -> dict[str, Array]:
    """Return what a change of dz_i changes in its own layer: what lies below would change as well."""
    return {f"W{i}": q.h[i - 1].T @ change, f"b{i}": change.sum(0)}


def _hidden(q: Forward, i: int, form: Form) -> dict[str, Array]:
    u = _dz(q, i + 1)
    dh = u @ q.W(i + 1).T
    return _below(q, i, form.of(q, i, u, dh) - dh * q.slope[i])


def _weights(q: Forward, i: int, form: Form) -> dict[str, Array]:
    dz = _dz(q, i)
    return {f"W{i}": form.of(q, i, q.h[i - 1], dz) - q.h[i - 1].T @ dz}


def _biases(q: Forward, i: int, form: Form) -> dict[str, Array]:
    dz = _dz(q, i)
    return {f"b{i}": form.of(q, i, dz) - dz.sum(0)}
