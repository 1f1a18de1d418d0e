"""Evaluates one answer to one problem: the promises that it breaks, and the numbers that are wrong.

handgrad's own rules and networks are held to the letter; a user's code may return a loss of any shape with one entry,
and gradients as wide as NumPy promotes them.
"""

import functools
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle import diagnosis
from oracle.candidates import contract
from oracle.candidates.contract import Violation
from oracle.candidates.sandbox import Answer, NoAnswer, Sandbox, arrays_in
from oracle.gradients import autodiff, complex_step, exact, loops
from oracle.rounding.bounds import Comparison, best_of, compare
from oracle.strategies.problem import CheckedProblem, Keyed, Problem

__all__ = ["Evaluation", "Evaluator", "evaluate"]

Arrays = dict[str, NDArray[Any]]

#: Maximum number of disagreements re-checked in exact arithmetic (slow): JAX itself may be wrong in the tails.
MAX_EXACT_EVALUATIONS = 12
CACHE_SIZE = 1000


@dataclass(frozen=True)
class Evaluation:
    """The result of one problem: each array's worst entry, the promises broken, and the correct values."""

    problem: Any
    violations: tuple[Violation, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    answer: Answer | None = None
    expected: Arrays = field(default_factory=dict)
    bound: Arrays = field(default_factory=dict)
    #: True where exact arithmetic sides with the answer against JAX.
    jax_inaccurate: bool = False
    #: Where the answer and JAX differ: the worst entry as each independent source of gradients has it.
    other_values: tuple[str, ...] = ()
    #: The kinds of arrays, as "X is an integer array", without which nothing fails.
    only_where: tuple[str, ...] = ()

    @property
    def wrong(self) -> list[Comparison]:
        """The arrays that are wrong, each at its worst entry."""
        return [c for c in self.comparisons if not c.agrees]

    @property
    def worst(self) -> Comparison:
        """The entry that lies furthest from what is expected, measured by its bound."""
        return max(self.comparisons, key=lambda c: c.excess)

    @property
    def failed(self) -> bool:
        """True if anything is wrong or broken."""
        return bool(self.violations or self.wrong)

    @property
    def failures(self) -> tuple[str, ...]:
        """A sentence for each promise broken and each array that is wrong."""
        only = (f"wrong only where {when}" for when in self.only_where)
        return (*self.violations, *only, *map(str, self.wrong))

    @property
    def failure_signature(self) -> frozenset[str]:
        """The broken promises and wrong arrays, without the numbers."""
        return frozenset([*(v.cause for v in self.violations), *(c.name for c in self.wrong)])

    @property
    def not_finite(self) -> bool:
        """True if a number is infinite or NaN that should be finite."""
        return any(np.isfinite(c.expected) and not np.isfinite(c.given) for c in self.wrong)


def evaluate(
    problem: Problem, answers: Callable[[Any], Mapping[str, Any]] | None = None, *, compiled: bool = False
) -> Evaluation:
    """Hold handgrad's answers, or others, to the contract, and compare them with JAX's and exact arithmetic's."""
    found = _evaluate(problem, answers or type(problem).answers, compiled=compiled)
    if not found.failed:
        return found
    plain = ((v.when, _evaluate(v.problem, answers or type(problem).answers)) for v in problem.variants())
    return replace(found, only_where=tuple(when for when, other in plain if not other.failed))


def _evaluate(problem: Problem, answers: Callable[[Any], Mapping[str, Any]], *, compiled: bool = False) -> Evaluation:
    try:
        given, violations = contract.call(lambda: answers(problem), problem.arguments(), problem.like())
    except Exception as error:
        return Evaluation(problem, (Violation(f"{type(error).__name__}: {error}", "raises", ""),))
    if violations:  # what has the wrong shape cannot be compared, and what changes need not be
        return Evaluation(problem, violations)
    reference = autodiff.answers(problem, compiled=compiled)
    found = reference.compare(given)
    answer = Answer(dict(given))
    if all(c.agrees for c in found):
        return Evaluation(problem, (), tuple(found), answer, reference.expected, reference.bound)
    truth = exact.answers(problem)
    judged = compare(given, truth, reference.bound)
    jax_inaccurate = all(c.agrees for c in judged)
    worst = max(found if jax_inaccurate else judged, key=lambda c: c.excess)
    others = tuple(_other_values(problem, worst, truth, reference.expected))
    expected = {name: np.asarray(a, float) for name, a in truth.items()}
    return Evaluation(problem, (), tuple(judged), answer, expected, reference.bound, jax_inaccurate, others)


def _other_values(problem: Problem, worst: Comparison, truth: Arrays, by_jax: Arrays) -> Iterator[str]:
    """Yield the value of an entry by each source of gradients, and by how much it is off."""
    values = {"handgrad": worst.given, "jax.grad": float(by_jax[worst.name][worst.index])}
    for name, answers in (("complex_step", complex_step.answers), ("loops", loops.answers)):
        found = answers(problem)
        if found is not None and worst.name in found:
            values[name] = float(found[worst.name][worst.index])
    right = float(truth[worst.name][worst.index])
    yield f"exact arithmetic says {right!r}"
    for name, value in values.items():
        off = not abs(value - right) <= worst.bound
        yield f"{name} says {value!r}" + (f", off by {abs(value - right):.1e}" if off else "")


class Evaluator:
    """Evaluates a user's candidate on one problem after the other, in a sandbox."""

    def __init__(self, candidate: Callable[..., Any], *, time_limit: float = 5.0) -> None:
        self.run = Sandbox(candidate, time_limit=time_limit)
        self.exact_evaluations = 0
        #: True once it returned gradients as wide as NumPy promotes them; once it lost digits of large scores.
        self.promotes = self.loses_digits = False

    def __call__(self, problem: CheckedProblem) -> Evaluation:
        """Call the candidate with a problem, several times, and return the evaluation."""
        like = problem.like()
        try:
            answer = self.run(problem)
            kept = {name: np.array(a) for name, a in answer.arrays.items()}
            again = self.run(problem)
            violations = [*answer.violations, *self._shape_violations(problem, answer.arrays, like)]
            violations += self._changes(problem, kept, answer, again)
        except NoAnswer as error:
            return Evaluation(problem, self._writes_to(problem) or (error.violation,))
        found, expected, bound = self._judge(problem, kept)
        first_of_each = tuple({(v.cause, v.array): v for v in violations}.values())
        return Evaluation(problem, first_of_each, tuple(found), Answer(kept, answer.intermediates), expected, bound)

    def returned(self, problem: CheckedProblem, returned: Any) -> Evaluation:
        """Return the evaluation of what a candidate has returned for a problem, without calling it."""
        like = problem.like()
        try:
            arrays, _ = arrays_in(returned, list(like))
        except NoAnswer as error:
            return Evaluation(problem, (error.violation,))
        violations = tuple(self._shape_violations(problem, arrays, like))
        found, expected, bound = self._judge(problem, arrays)
        return Evaluation(problem, violations, tuple(found), Answer(arrays), expected, bound)

    def _writes_to(self, problem: CheckedProblem) -> tuple[Violation, ...]:
        """Return the violations of a candidate that raises where an array is read-only, and else writes to it."""
        if all(a.flags.writeable for a in problem.arguments().values()):
            return ()
        try:
            violations = self.run(problem.map_arrays(lambda a: a.copy(order="K"))).violations
        except NoAnswer:
            return ()
        return tuple(v for v in violations if v.cause == "argument-mutated")

    def _judge(self, problem: CheckedProblem, arrays: Arrays) -> tuple[list[Comparison], Arrays, Arrays]:
        """Compare what has the right shape with JAX's, or where they differ with the exact answer.

        Return the correct values and the bounds as well.
        """
        like = problem.like()
        arrays = {name: a.reshape(like[name].shape) for name, a in arrays.items() if _fits(a, like[name])}
        reference = _cached(autodiff.answers, problem)
        found, expected = reference.compare(arrays), reference.expected
        may_judge = self.exact_evaluations < MAX_EXACT_EVALUATIONS and problem.has_exact_answers
        if may_judge and not all(c.agrees for c in found):
            truth = _cached(exact.answers, problem)
            found = best_of(found, compare(arrays, truth, reference.bound))
            self.exact_evaluations += not all(c.agrees for c in found)
            expected = {name: np.asarray(truth[name], float) for name in expected}
        if not all(c.agrees for c in found) and diagnosis.is_perceptron(problem):
            spread = diagnosis.spread_of_scores(problem)
            lenient = compare(arrays, expected, {name: reference.bound[name] + spread[name] for name in arrays})
            if all(c.agrees for c in lenient):
                self.loses_digits, found = True, lenient
        return found, expected, reference.bound

    def _shape_violations(self, problem: CheckedProblem, arrays: Arrays, like: Arrays) -> Iterator[Violation]:
        """Yield what has another shape or dtype than its parameter; a loss may be any number."""
        promoted = problem.promoted_dtype
        for violation in contract.shape_violations(arrays, like, promoted):
            if violation.array != "loss" or not _fits(arrays["loss"], like["loss"]):
                yield violation
        gradients = [a for name, a in arrays.items() if name != "loss"]
        self.promotes |= promoted != problem.dtype and any(a.dtype == promoted for a in gradients)

    def _changes(self, problem: CheckedProblem, kept: Arrays, first: Answer, second: Answer) -> Iterator[Violation]:
        """Yield what differs from call to call, and what another call does to results and answers."""
        third = None
        for name, a in kept.items():
            b = second.arrays.get(name)
            if b is None or np.array_equal(a, b, equal_nan=True):
                continue
            third = self.run(problem).arrays if third is None else third
            c = third.get(name, np.array(None))
            if b.shape == a.shape == c.shape:
                step, next_step = np.subtract(b, a, dtype=float), np.subtract(c, b, dtype=float)
                rounding = 8 * np.finfo(c.dtype).eps * np.max(np.abs(c)) if c.dtype.kind == "f" else 0.0
                if np.array_equal(b, c, equal_nan=True):
                    yield Violation(f"{name} depends on the call before", "stale-cache", name)
                    continue
                if np.allclose(step, next_step, rtol=1e-3, atol=rounding):
                    yield Violation(f"{name} accumulates from call to call", "accumulated", name)
                    continue
            yield Violation(f"{name} differs from call to call", "non-deterministic", name)
        other = problem.rescaled()
        between = self.run(other).arrays
        for name, a in kept.items():
            changed = not np.array_equal(a, first.arrays[name], equal_nan=True)
            later = (*second.arrays.values(), *between.values())
            if changed or any(np.may_share_memory(first.arrays[name], b) for b in later):
                yield Violation(f"{name} of an earlier call shares memory with a later one", "result-aliased", name)
        same = all(name in between and np.array_equal(a, between[name]) for name, a in kept.items())
        if same and self._is_right(problem, kept) and not self._is_right(other, kept):
            value = next(iter(problem.like()))
            yield Violation("another problem of the same shapes gets the same answer", "stale-cache", value)

    def _is_right(self, problem: CheckedProblem, arrays: Arrays) -> bool:
        return all(c.agrees for c in self._judge(problem, arrays)[0])


def _cached(answers: Callable[[Any], Any], problem: CheckedProblem) -> Any:
    """Return what a source of gradients answers: the same seed draws the same problems for the next candidate."""
    if not problem.has_exact_answers:  # a function, which cannot be pickled
        return answers(problem)
    return _cached_answers(answers, Keyed(pickle.dumps(problem), problem))


@functools.lru_cache(CACHE_SIZE)
def _cached_answers(answers: Callable[[Any], Any], problem: Keyed) -> Any:
    return answers(problem.value)


def _fits(a: NDArray[Any], like: NDArray[Any]) -> bool:
    """Return True if an array has the right shape; a loss may come as an array of one."""
    return a.shape == like.shape or a.size == 1 == like.ndim + 1
