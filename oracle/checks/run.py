"""Runs one check: draws problems, evaluates the candidate's answers, and puts what they mean into a verdict."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from oracle import diagnosis
from oracle.candidates.sandbox import NoAnswer
from oracle.checks.evaluation import Evaluation, Evaluator
from oracle.checks.findings import blind_spots, findings, worst_entry
from oracle.diagnosis import Explanation, ForwardPass, is_perceptron
from oracle.gradients import exact
from oracle.reports.verdict import Verdict
from oracle.strategies.networks import NetworkProblem
from oracle.strategies.problem import CheckedProblem
from oracle.strategies.runner import ProblemFailed, StopDrawing, run

__all__ = ["CheckRun"]

#: Seconds after which a check shows its progress.
PROGRESS_DELAY = 3.0
#: Seconds that a check may spend on making a failing problem smaller.
SHRINK_TIME_LIMIT = 1.5
#: Scores from which on a softmax that is not shifted loses digits.
SCORE_OVERFLOW_START = 30.0
#: The causes that make the numbers of an array meaningless.
_UNSTABLE = ("accumulated", "non-deterministic", "stale-cache")
#: The causes that divide by a probability or take its logarithm, which may be 0, without any overflow.
_UNBOUNDED = {"softmax-axis", "softmax-jacobian", "softmax-twice", "another-loss"}


class CheckRun:
    """One check of a candidate on the problems of a strategy."""

    def __init__(
        self,
        name: str,
        candidate: Any,
        call: Callable[..., Any],
        strategy: st.SearchStrategy[Any],
        examples: int,
        seed: int | None,
        time_limit: float,
        any_problem: bool = True,
    ) -> None:
        self.name, self.candidate, self.strategy, self.examples = name, candidate, strategy, examples
        self.seed = int(np.random.default_rng().integers(2**32)) if seed is None else seed
        #: True if problems may be tried that the strategy does not draw.
        self.any_problem = any_problem
        self.evaluate = Evaluator(call, time_limit=time_limit)
        self.interrupted = False

    def verdict(self) -> Verdict:
        """Draw the problems, evaluate the answers, and say what they mean."""
        started = time.perf_counter()
        evaluations = self._draw()
        failing = [evaluation for evaluation in evaluations if evaluation.failed]
        if kinks := self._only_at_kinks(failing):
            failing = []
        shown = self._smallest(failing) if failing else None
        explanations, when, notes = self._diagnose(evaluations, failing) if failing else ([], (), [])
        numbers = [(e.problem, e.expected, e.bound) for e in evaluations if e.expected and is_perceptron(e.problem)]
        cancels = bool(numbers) and not failing and self._cancels(numbers[0][0])
        if self.interrupted:
            notes.insert(0, f"interrupted after {len(evaluations)} of {self.examples} problems")
        verdict = Verdict(
            self.name,
            len(evaluations),
            len(failing),
            self.seed,
            0.0,
            tuple(findings(failing, shown, {"raises", *(e.cause for e in explanations)})) if shown else (),
            tuple(explanations),
            when,
            tuple(self._remarks(kinks, cancels, failing)),
            tuple(blind_spots([evaluation.problem for evaluation in evaluations])),
            diagnosis.detection_power(numbers) if numbers else None,
            self._first_wrong_intermediate(failing),
            shown.problem.reproduction(self.candidate, worst_entry(shown)) if shown else "",
            tuple(notes),
        )
        self.evaluate.run.close()
        return replace(verdict, seconds=time.perf_counter() - started)

    def _draw(self) -> list[Evaluation]:
        evaluations: list[Evaluation] = []
        started = time.perf_counter()
        progress = Progress(console=Console(stderr=True), transient=True)
        task = progress.add_task(f"checking {self.name}", total=self.examples)

        def test(problem: CheckedProblem) -> None:
            evaluations.append(self.evaluate(problem))
            progress.update(task, completed=len(evaluations))
            if time.perf_counter() - started > PROGRESS_DELAY and not progress.live.is_started:
                progress.start()
            if "hangs" in evaluations[-1].failure_signature:
                raise StopDrawing

        try:
            run(self.strategy, test, examples=self.examples, seed=self.seed)
        except KeyboardInterrupt:
            if not evaluations:
                raise
            self.interrupted = True
        finally:
            if progress.live.is_started:
                progress.stop()
        return evaluations

    def _only_at_kinks(self, failing: Sequence[Evaluation]) -> bool:
        """Return True if the two differ from a user's loss only where that has no derivative."""
        if not failing or any(e.violations or e.problem.has_exact_answers for e in failing):
            return False
        rng = np.random.default_rng(0)
        return not any(self.evaluate(e.problem.nudged(rng)).failed for e in failing[:8])

    def _smallest(self, failing: Sequence[Evaluation]) -> Evaluation:
        """Return the smallest problem on which the same is wrong as on most: a simple one, or what Hypothesis finds."""
        target = Counter(sign for e in failing for sign in e.failure_signature).most_common(1)[0][0]
        best = [next(e for e in failing if target in e.failure_signature)]
        if target == "hangs":
            return best[0]
        until = time.perf_counter() + SHRINK_TIME_LIMIT

        def test(problem: CheckedProblem) -> None:
            if time.perf_counter() > until:
                raise StopDrawing
            evaluation = self.evaluate(problem)
            if target in evaluation.failure_signature:
                best[0] = evaluation
                raise ProblemFailed

        with contextlib.suppress(ProblemFailed, StopDrawing):
            if self.any_problem and is_perceptron(best[0].problem):
                for problem in diagnosis.simple(best[0].problem):
                    test(problem)
            phases = Phase.generate, Phase.shrink
            run(self.strategy, test, examples=self.examples, seed=self.seed, phases=phases)
        return best[0]

    def _diagnose(
        self, evaluations: Sequence[Evaluation], failing: Sequence[Evaluation]
    ) -> tuple[list[Explanation], tuple[str, ...], list[str]]:
        """Return the explanations, what the failing problems have in common if nothing explains them, and notes."""
        found = list(_of_contract(failing))
        unstable = {v.array for e in failing for v in e.violations if v.cause in _UNSTABLE}
        wrong = [e for e in failing if any(c.name not in unstable for c in e.wrong)]
        passing = [e for e in evaluations if not e.failed]
        if not wrong or any(e.cause == "stale-cache" for e in found):
            return found, _in_common([e for e in failing if e.violations], passing), []
        if is_perceptron(wrong[0].problem):
            return self._of_perceptron(wrong, passing, unstable, found)
        return [*found, *diagnosis.explain_arrays(wrong)], (), []

    def _of_perceptron(
        self, wrong: list[Evaluation], passing: list[Evaluation], unstable: set[str], found: list[Explanation]
    ) -> tuple[list[Explanation], tuple[str, ...], list[str]]:
        problem: NetworkProblem = wrong[0].problem
        names = list(problem.like())

        def ask(p: NetworkProblem) -> dict[str, NDArray[Any]] | None:
            try:
                arrays = self.evaluate.run(p).arrays
            except NoAnswer:
                return None
            return {name: np.array(a) for name, a in arrays.items() if name not in unstable or name == "loss"}

        drawn = diagnosis.probes(problem, seed=self.seed)
        probes = [p for p in (diagnosis.probe(other, ask) for other in drawn) if p is not None]
        explained, unexplained = diagnosis.explain(probes)
        found += explained
        notes = []
        if unexplained:
            arrays = ", ".join(name for name in names if name in unexplained)
            notes.append(f"no known mistake explains {arrays} to rounding")
        covered = {name for e in explained for name in e.arrays} | set(unexplained)
        rest = [e for e in wrong if any(c.name not in covered | unstable for c in e.wrong)]
        infinite = [e for e in wrong if e.not_finite]
        lowest = min(map(_largest_score, infinite), default=0.0)
        if lowest > SCORE_OVERFLOW_START and not _UNBOUNDED & {e.cause for e in explained}:
            hit = tuple(dict.fromkeys(c.name for e in infinite for c in e.wrong if not np.isfinite(c.given)))
            when = diagnosis.conditions([e.problem for e in infinite], [e.problem for e in passing], most=1)
            algebra = f"infinities or NaN, and the smallest scores that lead to any reach {lowest:.4g}"
            found.append(Explanation("overflow", algebra, hit, len(infinite), when))
            rest = [e for e in rest if not e.not_finite and _largest_score(e) < SCORE_OVERFLOW_START]
        if rest and (only := self._only_for_arrays_of_a_kind(rest)):
            found.append(only)
            rest = []
        common = tuple(dict.fromkeys(condition for each in unexplained.values() for condition in each))[:2]
        if rest or not (found or common):
            common = common or _in_common(rest or wrong, passing)
        return found, common, notes

    def _only_for_arrays_of_a_kind(self, wrong: Sequence[Evaluation]) -> Explanation | None:
        """Explain errors that show only for integers, narrow labels, float32, or another order in memory."""
        variants = [{v.when: v for v in e.problem.variants() if v.cause} for e in wrong]
        for when, variant in variants[0].items():
            if all(when in each for each in variants) and not any(
                self.evaluate(each[when].problem).wrong for each in variants[:6]
            ):
                arrays = tuple(dict.fromkeys(c.name for e in wrong for c in e.wrong))
                return Explanation(variant.cause, variant.algebra, arrays, len(wrong), (when,))
        return None

    def _remarks(self, kinks: bool, cancels: bool, failing: Sequence[Evaluation]) -> Iterator[str]:
        promoted = any(v.cause == "dtype-promoted" for e in failing for v in e.violations)
        if kinks:
            yield "your convention at a kink is not JAX's: the two differ where a value lies exactly on it"
        if self.evaluate.promotes and not promoted:
            yield (
                "for an integer X and float32 parameters it returns float64, as NumPy promotes: X.astype(W1.dtype) "
                "first is twice as fast"
            )
        if self.evaluate.loses_digits and not failing:
            yield (
                "where scores are large it loses their last digits: shift each row by its maximum first, "
                "t = s − max s, p = exp(t)/Σ exp(t)"
            )
        if self.evaluate.run.printed:
            yield f"it printed {self.evaluate.run.printed:,} characters, which are not shown"
        if cancels:
            yield (
                "p_y − 1 cancels where the label leads: at a lead of 45 your gradient has lost all its digits, and "
                "−Σ_{j≠y} p_j has them all"
            )

    def _cancels(self, problem: NetworkProblem) -> bool:
        """Return True if the gradient of a label's score that leads by 45 has lost its digits."""
        tail, last = diagnosis.leading_label(problem, by=45.0)
        try:
            given = self.evaluate.run(tail).arrays
        except NoAnswer:
            return False
        right = float(exact.answers(tail)[last][tail.y[0]])
        return last in given and abs(float(given[last][tail.y[0]]) - right) > abs(right) / 1000

    def _first_wrong_intermediate(self, failing: Sequence[Evaluation]) -> str:
        """Say which of the intermediates that the candidate returns is wrong first."""
        for e in failing:
            given = e.answer.intermediates if e.answer else {}
            if given and is_perceptron(e.problem) and e.problem.dtype == float:
                wrong = diagnosis.first_wrong_stage(e.problem, given)
                if wrong:
                    return wrong
        return ""


def _in_common(failing: Sequence[Evaluation], passing: Sequence[Evaluation]) -> tuple[str, ...]:
    problems = [e.problem for e in failing]
    if not problems or not all(map(is_perceptron, problems)):
        return ()
    return diagnosis.conditions(problems, [e.problem for e in passing])


def _largest_score(evaluation: Evaluation) -> float:
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(ForwardPass(evaluation.problem).s)))


def _of_contract(failing: Sequence[Evaluation]) -> Iterator[Explanation]:
    """Yield an explanation for each promise that is broken."""
    by_cause: dict[str, dict[str, None]] = {}
    failing = sorted(failing, key=lambda e: "argument-mutated" not in e.failure_signature)
    count: Counter[str] = Counter()
    for e in failing:
        for v in e.violations:
            by_cause.setdefault(v.cause, {})[v.array] = None
        count.update({v.cause for v in e.violations})
    raising = [e for e in failing if "raises" in e.failure_signature]
    if "argument-mutated" in by_cause and not any(e.problem.can_be_written for e in raising):
        by_cause.pop("raises", None)
    if "argument-mutated" in by_cause:  # what that does to later calls is no further mistake
        by_cause = {c: a for c, a in by_cause.items() if c not in ("non-deterministic", "stale-cache")}
    if "non-deterministic" in by_cause:  # what changes at random may seem to grow, or to settle, for once
        by_cause = {c: a for c, a in by_cause.items() if c not in ("stale-cache", "accumulated")}
    for cause, arrays in by_cause.items():
        yield Explanation(cause, "", tuple(filter(None, arrays)), count[cause])
