"""The detection power of a check: which mistakes of the table its problems would have shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, Layer, is_weight, layer_of
from oracle.diagnosis.perceptrons.mistakes import (
    BIAS_PENALTIES,
    BIASES,
    HIDDEN,
    SCORES,
    WEIGHT_PENALTIES,
    WEIGHTS,
    Mistake,
)
from oracle.diagnosis.perceptrons.probes import probes
from oracle.strategies.networks import NetworkProblem

__all__ = ["DetectionPower", "detection_power"]

Array = NDArray[Any]

#: A change of the probes' gradients, which are of order 1, that may be rounding.
ROUNDING = 1e-13


@dataclass(frozen=True)
class DetectionPower:
    """The planted mistakes that were caught and missed, and the smallest error that would have been."""

    planted: int
    caught: int
    #: The cause and formula of each mistake that none of the drawn problems shows.
    missed: tuple[tuple[str, str], ...]
    #: An error in one entry as large as this, relative to the largest entry of its gradient, is seen.
    smallest_error: float

    @property
    def share(self) -> float:
        """The share of the planted mistakes that was caught."""
        return self.caught / self.planted if self.planted else 0.0


def detection_power(
    checked: Sequence[tuple[NetworkProblem, Mapping[str, Array], Mapping[str, Array]]],
) -> DetectionPower:
    """Plant every mistake of the table in the correct gradients and see which the bounds let through.

    ``checked`` holds the problems, the correct answers, and the bounds. A row that is no mistake in this network, such
    as a missing mask where no layer has one, shows on none of the probes and is not planted.
    """
    missed: dict[tuple[str, str], None] = {}
    planted = 0
    with np.errstate(all="ignore"):
        passes = [(_Pass(problem), bound) for problem, _, bound in checked]
        samples = [_Pass(p) for p in probes(checked[0][0], seed=0)]
        for cause, algebra, change in _mistakes(samples[0].fwd.depth):
            caught = any(_shows(change(p), bound) for p, bound in passes)
            if caught or any(np.any(np.abs(d) > ROUNDING) for p in samples for d in change(p).values()):
                planted += 1
                if not caught:
                    missed[cause, algebra] = None
    relative: dict[str, float] = {}
    for problem, expected, bound in checked:
        for name in problem.params:
            largest = np.max(np.abs(expected[name]), initial=0.0)
            if largest and np.isfinite(largest):
                with np.errstate(over="ignore"):  # the largest entry may be subnormal
                    relative[name] = min(relative.get(name, np.inf), float(np.max(bound[name]) / largest))
    return DetectionPower(planted, planted - len(missed), tuple(missed), max(relative.values(), default=np.inf))


class _Pass:
    """The forward pass of a problem, and its layers by number."""

    def __init__(self, problem: NetworkProblem) -> None:
        self.fwd = ForwardPass(problem)
        self.layers = {layer.i: layer for layer in self.fwd.backward()}


def _shows(change: Mapping[str, Array], bound: Mapping[str, Array]) -> bool:
    return any(not np.all(np.abs(d) <= bound[name]) for name, d in change.items())


def _mistakes(depth: int) -> Iterator[tuple[str, str, Callable[[_Pass], dict[str, Array]]]]:
    """Yield the cause and formula of each mistake, and a function that gives how it changes the gradients."""
    for m in SCORES:
        yield m.cause, m.algebra, partial(_change_of_scores, m)
    for i in range(depth, 0, -1):
        for change, table in (
            (partial(_change_of_dz, i), HIDDEN if i < depth else ()),
            (partial(_change_of_gradient, f"W{i}"), WEIGHTS),
            (partial(_change_of_gradient, f"b{i}"), BIASES),
        ):
            for m in table:
                yield m.cause, f"{m.algebra}, i = {i}", partial(change, m)
    for name in (f"{kind}{i}" for i in range(1, depth + 1) for kind in "Wb"):
        for m in WEIGHT_PENALTIES if is_weight(name) else BIAS_PENALTIES:
            yield m.cause, f"{m.algebra}, in d{name}", partial(_change_of_penalty, name, m)


def _change_of_scores(m: Mistake, p: _Pass) -> dict[str, Array]:
    return _change_of_layer(p.layers[p.fwd.depth], m.formula(p.fwd))


def _change_of_dz(i: int, m: Mistake, p: _Pass) -> dict[str, Array]:
    return _change_of_layer(p.layers[i], m.formula(p.layers[i]))


def _change_of_layer(layer: Layer, dz: Array) -> dict[str, Array]:
    """Return what another dz changes in its own layer: what lies below would change as well."""
    changed = layer.with_dz(dz - layer.dz)
    return {f"W{layer.i}": changed.dW, f"b{layer.i}": changed.db}


def _change_of_gradient(name: str, m: Mistake, p: _Pass) -> dict[str, Array]:
    layer = p.layers[layer_of(name)]
    return {name: m.formula(layer) - layer.gradient(name)}


def _change_of_penalty(name: str, m: Mistake, p: _Pass) -> dict[str, Array]:
    return {name: m.formula(p.fwd.term(name)) - p.fwd.penalty(name)} if p.fwd.reg else {}
