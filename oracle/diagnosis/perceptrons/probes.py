"""Problems on which a cause shows, of distinct and of equal sizes, and a candidate's answers to them."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, Layer, layer_of
from oracle.strategies.networks import NetworkProblem

__all__ = ["MIN_PROBES", "TOLERANCE", "Case", "Probe", "close", "leading_label", "probe", "probes", "simple"]

Array = NDArray[Any]

#: Two ways to compute one thing agree to this, relative to the largest entry: 2⁻⁴² leaves 10 bits for rounding, and no
#: two formulas of the table come so near to each other on a probe by chance.
TOLERANCE = 2.0**-42
#: A cause must show on this many probes, or it may be a coincidence.
MIN_PROBES = 2
#: The number of simple problems: the smallest of all with sizes up to 3.
MAX_SIMPLE = 60

_REGS = (0.3, 0.7, 2.5, 1.6)
#: The kinds of probes, and how many there are of each; the plain ones have distinct sizes.
PROBE_KINDS = {"plain": 16, "N = 1": 5, "H = 1": 3, "all equal": 3, "D = H": 3, "H = C": 3, "N = H": 2} | {
    "zeros": 5,
    "sure": 5,
    "integers": 3,
    "balanced": 3,
    "N = 11": 2,
}


def probes(problem: NetworkProblem, *, seed: int) -> Iterator[NetworkProblem]:
    """Yield float64 problems for the same network: ordinary numbers, a positive reg, and one special thing each."""
    rng = np.random.default_rng(seed)
    depth = len(problem.params) // 2
    for n, kind in enumerate(kind for kind, count in PROBE_KINDS.items() for _ in range(count)):
        sizes = rng.permutation(np.arange(2, 9))[: depth + 2] if depth < 6 else rng.integers(2, 9, depth + 2)
        N, *widths = map(int, sizes)  # N, D, H1, …, C
        N = {"N = 1": 1, "N = 11": 11, "all equal": widths[0]}.get(kind, N)
        hidden = {"H = 1": 1, "all equal": N, "D = H": widths[0], "H = C": widths[-1], "N = H": N}
        if kind in hidden:
            widths[1:-1] = [hidden[kind]] * (depth - 1)
        if kind == "all equal":
            widths[-1] = N
        params = {}
        for i, (a, b) in enumerate(zip(widths[:-1], widths[1:]), start=1):
            params[f"W{i}"] = rng.standard_normal((a, b)) / np.sqrt(a) * 1.5
            params[f"b{i}"] = 0.5 * rng.standard_normal(b)
        X = rng.standard_normal((N, widths[0]))
        y = rng.integers(0, widths[-1], N)
        if kind == "zeros":
            params["W1"][:, 0] = params["b1"][0] = 0
        elif kind == "sure":
            params[f"b{depth}"][y[0]] += 8
        elif kind == "integers":
            X = rng.integers(-2, 3, X.shape).astype(float)
        elif kind == "balanced":
            y = rng.permutation(np.resize(np.arange(widths[-1]), N))
        reg = _REGS[n % len(_REGS)]
        yield replace(problem, params=params, X=X, y=y, reg=reg, features=frozenset([kind]), input_grad=False)


def simple(problem: NetworkProblem) -> Iterator[NetworkProblem]:
    """Yield problems for the same network, to be read: small integers in small arrays, the smallest first.

    Each comes in float64 without a penalty, and then as the problem has it.
    """
    rng = np.random.default_rng(0)
    depth = len(problem.params) // 2
    sizes = sorted(itertools.product((1, 2, 3), repeat=depth + 2), key=sum)
    for N, *widths in sizes[:MAX_SIMPLE]:
        shapes: dict[str, tuple[int, ...]] = {}
        for i in range(1, depth + 1):
            shapes |= {f"W{i}": (widths[i - 1], widths[i]), f"b{i}": (widths[i],)}
        entries = {name: rng.integers(-2, 3, shape) for name, shape in shapes.items()}
        X, y = rng.integers(-2, 3, (N, widths[0])), rng.integers(0, widths[-1], N)
        for dtype, X_dtype, reg in ((float, float, 0.0), (problem.dtype, problem.X.dtype, 2.0 if problem.reg else 0.0)):
            params = {name: a.astype(dtype) for name, a in entries.items()}
            yield replace(problem, params=params, X=X.astype(X_dtype), y=y, reg=reg)


def leading_label(problem: NetworkProblem, *, by: float) -> tuple[NetworkProblem, str]:
    """Return a problem of one example whose label's score leads by this much, and the name of the scores' bias."""
    sample = next(probes(problem, seed=0))
    last = list(sample.params)[-1]
    params = {name: 0.01 * a for name, a in sample.params.items()}
    params[last] = by * np.eye(len(params[last]))[sample.y[0]]
    return replace(sample, params=params, X=sample.X[:1], y=sample.y[:1], reg=0.0), last


@dataclass(frozen=True)
class Probe:
    """A problem, its passes with the penalty and without, and the candidate's answers with it and without."""

    problem: NetworkProblem
    fwd: ForwardPass
    #: The pass at reg = 0, and its layers by number, with the correct gradients.
    unpenalised: ForwardPass
    right: dict[int, Layer]
    #: The gradients at reg = 0, and by how much reg changes them.
    data: dict[str, Array]
    penalty: dict[str, Array]
    loss: float
    penalty_of_loss: float
    #: The largest entry of each gradient, returned or correct.
    scale: dict[str, float]


def probe(problem: NetworkProblem, ask: Callable[[NetworkProblem], Mapping[str, Array] | None]) -> Probe | None:
    """Ask the candidate with and without the penalty; None if there is no answer of the right shapes."""
    shapes: dict[str, tuple[int, ...]] = {"loss": (), **{name: a.shape for name, a in problem.params.items()}}
    with_reg, without = ask(problem), ask(replace(problem, reg=0.0))
    if with_reg is None or without is None:
        return None
    for answer in (with_reg, without):
        if "loss" not in answer or any(np.shape(answer[name]) != shapes[name] for name in shapes if name in answer):
            return None
    fwd = ForwardPass(problem)
    unpenalised = fwd.without_penalty()
    right = {layer.i: layer for layer in unpenalised.backward()}
    names = [name for name in problem.params if name in with_reg and name in without]
    data = {name: np.asarray(without[name], float) for name in names}
    return Probe(
        problem,
        fwd,
        unpenalised,
        right,
        data,
        {name: np.asarray(with_reg[name], float) - data[name] for name in names},
        float(without["loss"]),
        float(with_reg["loss"]) - float(without["loss"]),
        {n: float(max(np.max(np.abs(g)), np.max(np.abs(right[layer_of(n)].gradient(n))))) for n, g in data.items()},
    )


@dataclass(frozen=True, eq=False)
class Case:
    """A probe at layer i, where ``upstream`` is what was accepted as the dz of the layer above."""

    probe: Probe
    i: int
    upstream: Array | None

    @cached_property
    def default(self) -> Layer:
        """The layer as it is if the candidate makes no mistake in it."""
        return self.probe.unpenalised.layer(self.i, self.upstream)

    def fits(self, name: str, value: Array, *, exact: bool = False) -> bool:
        """Return True if this is the gradient that the candidate returned, to rounding unless ``exact``."""
        given, tolerance = self.probe.data[name], 0.0 if exact else TOLERANCE * self.probe.scale[name]
        if value.shape != given.shape or not abs(value.item(0) - given.item(0)) <= tolerance:  # most differ at once
            return False
        return bool((np.abs(value - given) <= tolerance).all())

    def is_right(self, names: Iterable[str]) -> bool:
        """Return True if the gradients follow from the default."""
        return all(self.fits(name, self.default.gradient(name)) for name in names)


def close(a: Any, b: Any, right: Any = 0.0, tolerance: float = TOLERANCE) -> bool:
    """Return True if two results agree to rounding, relative to the largest of all entries."""
    scale = max(np.max(np.abs(a), initial=0), np.max(np.abs(b), initial=0), np.max(np.abs(right), initial=0))
    return bool(np.all(np.abs(np.subtract(a, b)) <= tolerance * scale))
