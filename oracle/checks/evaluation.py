"""Looks at one answer of a candidate: what it broke, and which of its numbers are wrong."""

import functools
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from oracle import diagnosis
from oracle.candidates import contract
from oracle.candidates.contract import Breach
from oracle.candidates.sandbox import Answer, Refusal, Runner
from oracle.gradients import autodiff, exact
from oracle.rounding.monte_carlo import Comparison, compare, either
from oracle.strategies.problems import NetworkProblem, RuleProblem

__all__ = ["Look", "Looker", "Problem", "is_known_network"]

Problem = NetworkProblem | RuleProblem
Arrays = dict[str, NDArray[Any]]

#: JAX may be wrong itself, in the tails. So many disagreements are brought before exact arithmetic, which is slow.
HEARINGS = 12
#: How many testimonies are kept.
REMEMBERED = 1000


@dataclass
class Look:
    """What came out of one problem."""

    problem: Any
    breaches: tuple[Breach, ...] = ()
    comparisons: list[Comparison] = field(default_factory=list)
    answer: Answer | None = None
    expected: dict[str, NDArray[Any]] = field(default_factory=dict)
    bound: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def wrong(self) -> list[Comparison]:
        """The arrays that are wrong, each at its worst entry."""
        return [c for c in self.comparisons if not c.agrees]

    @property
    def fails(self) -> bool:
        """Whether anything is wrong or broken."""
        return bool(self.breaches or self.wrong)

    @property
    def signs(self) -> frozenset[str]:
        """What is wrong, without the numbers."""
        return frozenset([*(b.cause for b in self.breaches), *(c.name for c in self.wrong)])

    @property
    def not_finite(self) -> bool:
        """Whether something that should be finite is not."""
        return any(np.isfinite(c.expected) and not np.isfinite(c.given) for c in self.wrong)


class Looker:
    """Asks a candidate and looks at its answers, one problem after the other."""

    def __init__(self, ask: Callable[[Any], Any], *, time_limit: float) -> None:
        self.run = Runner(ask, time_limit=time_limit)
        self.hearings = 0
        #: Whether it returned gradients wider than the parameters, as NumPy promotes; and lost digits of large scores.
        self.promotes = self.loses_digits = False

    def __call__(self, problem: Problem) -> Look:
        """Ask the candidate about a problem, several times, and return what came out of it."""
        like = _like(problem)
        names = list(like)
        try:
            answer = self.run(problem, names)
            kept = {name: np.array(a) for name, a in answer.arrays.items()}
            again = self.run(problem, names)
            breaches = [*answer.breaches, *self._misfits(problem, answer.arrays, like)]
            breaches += self._changes(problem, names, kept, answer, again)
        except Refusal as refusal:
            return Look(problem, (refusal.breach,))
        found, expected, bound = self._judge(problem, kept)
        return Look(problem, _each_once(breaches), found, Answer(kept, answer.intermediates), expected, bound)

    def _judge(self, problem: Problem, arrays: Arrays) -> tuple[list[Comparison], Arrays, Arrays]:
        """Compare what has the right shape with JAX's, or where they differ with the exact answer.

        Return the answer and the bounds as well.
        """
        like = _like(problem)
        arrays = {name: a.reshape(like[name].shape) for name, a in arrays.items() if _fits(a, like[name])}
        testimony = _said(autodiff, problem)
        found = testimony.compare(arrays)
        expected = testimony.expected
        if not all(c.agrees for c in found) and self.hearings < HEARINGS and problem.truth is None:
            truth = _said(exact, problem)
            found = either(found, compare(arrays, truth, testimony.bound))
            self.hearings += not all(c.agrees for c in found)
            expected = {name: np.asarray(truth[name], float) for name in expected}
        if not all(c.agrees for c in found) and is_known_network(problem):
            spread = diagnosis.spread_of_scores(problem)
            lenient = compare(arrays, expected, {name: testimony.bound[name] + spread[name] for name in arrays})
            if all(c.agrees for c in lenient):
                self.loses_digits, found = True, lenient
        return found, expected, testimony.bound

    def _misfits(self, problem: Problem, arrays: Arrays, like: Arrays) -> Iterator[Breach]:
        """Yield what has another shape or dtype than its parameter; a loss may be any number."""
        numpys = np.result_type(problem.X, problem.dtype) if isinstance(problem, NetworkProblem) else problem.dtype
        for breach in contract.misfits(arrays, like, numpys):
            if breach.array != "loss" or not _fits(arrays["loss"], like["loss"]):
                yield breach
        gradients = [a for name, a in arrays.items() if name != "loss"]
        self.promotes |= numpys != problem.dtype and any(a.dtype == numpys for a in gradients)

    def _changes(
        self, problem: Problem, names: list[str], kept: dict[str, NDArray[Any]], first: Answer, second: Answer
    ) -> Iterator[Breach]:
        """Yield what differs from call to call, and what another call does to results and answers."""
        third = None
        for name, a in kept.items():
            b = second.arrays.get(name)
            if b is None or np.array_equal(a, b, equal_nan=True):
                continue
            third = self.run(problem, names).arrays if third is None else third
            c = third.get(name, np.array(None))
            if b.shape == a.shape == c.shape:
                step, next_step = np.subtract(b, a, dtype=float), np.subtract(c, b, dtype=float)
                rounding = 8 * np.finfo(c.dtype).eps * np.max(np.abs(c)) if c.dtype.kind == "f" else 0.0
                if np.array_equal(b, c, equal_nan=True):
                    yield Breach(f"{name} depends on the call before", "stale-cache", name)
                    continue
                if np.allclose(step, next_step, rtol=1e-3, atol=rounding):
                    yield Breach(f"{name} accumulates from call to call", "accumulated", name)
                    continue
            yield Breach(f"{name} differs from call to call", "non-deterministic", name)
        other = _another(problem)
        between = self.run(other, names).arrays
        for name, a in kept.items():
            changed = not np.array_equal(a, first.arrays[name], equal_nan=True)
            shared = any(
                np.may_share_memory(first.arrays[name], b) for b in (*second.arrays.values(), *between.values())
            )
            if changed or shared:
                yield Breach(f"{name} of an earlier call shares memory with a later one", "result-aliased", name)
        same = all(name in between and np.array_equal(a, between[name]) for name, a in kept.items())
        if same and self._is_right(problem, kept) and not self._is_right(other, kept):
            yield Breach("another problem of the same shapes gets the same answer", "stale-cache", names[0])

    def _is_right(self, problem: Problem, arrays: Arrays) -> bool:
        return all(c.agrees for c in self._judge(problem, arrays)[0])


@dataclass(frozen=True)
class _Same:
    """A problem that is the same as another with the same numbers."""

    numbers: bytes
    problem: Any = field(compare=False)


def _said(witness: Any, problem: Problem) -> Any:
    """Return what a witness says of a problem: the same seed draws the same problems for the next candidate."""
    if problem.truth is not None:  # a function, which cannot be compared
        return witness.testify(problem)
    return _remembered(witness, _Same(pickle.dumps(problem), problem))


@functools.lru_cache(REMEMBERED)
def _remembered(witness: Any, same: _Same) -> Any:
    return witness.testify(same.problem)


def is_known_network(problem: Problem) -> TypeGuard[NetworkProblem]:
    """Whether the problem is one of a network by name, whose formulas are known."""
    return isinstance(problem, NetworkProblem) and problem.truth is None


def _like(problem: Problem) -> Arrays:
    """Return an array of the right shape and dtype for each answer."""
    if isinstance(problem, NetworkProblem):
        return {"loss": np.zeros((), problem.dtype), **problem.params}
    names = [f"d{argument}" for argument in problem.argument_names]
    return {"value": problem.cotangent, **dict(zip(names, problem.args))}


def _fits(a: NDArray[Any], like: NDArray[Any]) -> bool:
    """Whether an array has the right shape; a loss may come as an array of one."""
    return a.shape == like.shape or a.size == 1 == like.ndim + 1


def _another(problem: Any) -> Any:
    """Return a problem of the same shapes with other entries."""
    if isinstance(problem, NetworkProblem):
        return replace(problem, params={name: a * a.dtype.type(1.5) for name, a in problem.params.items()})
    return replace(problem, args=tuple(np.asarray(a / 2, a.dtype) for a in problem.args))  # still in the domain


def _each_once(breaches: Iterable[Breach]) -> tuple[Breach, ...]:
    return tuple({(b.cause, b.array): b for b in breaches}.values())
