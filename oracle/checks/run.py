"""What is done with one candidate: problems drawn, answers looked at, and what they mean put into a verdict."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from oracle import diagnosis
from oracle.candidates.sandbox import Refusal, with_copies
from oracle.checks.evaluation import Look, Looker, Problem, is_known_network
from oracle.checks.findings import findings, unseen, worst
from oracle.diagnosis import Explanation
from oracle.diagnosis.perceptrons.mistakes import Forward
from oracle.gradients import exact
from oracle.reports.code import reproduction
from oracle.reports.verdict import Verdict
from oracle.strategies.problems import NetworkProblem, RuleProblem

__all__ = ["Investigation"]

#: Seconds after which a check shows how far it is, and that it may spend on making a failing problem smaller.
PATIENCE = 3.0
#: Scores from which on a softmax that is not shifted loses digits.
LARGE = 30.0
#: What makes the numbers of an array mean nothing.
_UNSTABLE = ("accumulated", "non-deterministic", "stale-cache")
#: What divides by a probability or takes its logarithm, which may be 0, without any overflow.
_UNBOUNDED = {"softmax-axis", "softmax-jacobian", "softmax-twice", "another-loss"}


class _Complaint(Exception):
    """Tells Hypothesis that a problem failed."""


class _Enough(BaseException):
    """Ends a run at once: what is no Exception, Hypothesis neither repeats nor shrinks."""


class Investigation:
    """One check: its candidate, its problems, and what came out of them."""

    def __init__(
        self,
        name: str,
        candidate: Any,
        ask: Callable[[Any], Any],
        strategy: st.SearchStrategy[Any],
        examples: int,
        seed: int | None,
        time_limit: float,
        any_problem: bool = True,
    ) -> None:
        self.name, self.candidate, self.strategy, self.examples = name, candidate, strategy, examples
        self.seed = int(np.random.default_rng().integers(2**32)) if seed is None else seed
        #: Whether it may be given problems that the strategy does not draw.
        self.any_problem = any_problem
        self.look = Looker(ask, time_limit=time_limit)
        self.interrupted = False

    def verdict(self) -> Verdict:
        """Draw the problems, look at the answers, and say what they mean."""
        started = time.perf_counter()
        looks = self._draw()
        failing = [look for look in looks if look.fails]
        if kinks := self._only_at_kinks(failing):
            failing = []
        shown = self._smallest(failing) if failing else None
        explanations, when, notes = self._diagnose(looks, failing) if failing else ([], (), [])
        numbers = [(n.problem, n.expected, n.bound) for n in looks if n.expected and is_known_network(n.problem)]
        cancels = bool(numbers) and not failing and self._cancels(numbers[0][0])
        verdict = Verdict(
            self.name,
            len(looks),
            len(failing),
            self.seed,
            0.0,
            tuple(findings(failing, shown, {"raises", *(e.cause for e in explanations)})) if shown else (),
            tuple(explanations),
            when,
            tuple(self._remarks(kinks, cancels, failing)),
            tuple(unseen([look.problem for look in looks])),
            diagnosis.power(numbers) if numbers else None,
            self._first_wrong_stage(failing),
            reproduction(shown.problem, self.candidate, worst(shown)) if shown else "",
            (*([f"interrupted after {len(looks)} of {self.examples} problems"] if self.interrupted else []), *notes),
        )
        self.look.run.close()
        return replace(verdict, seconds=time.perf_counter() - started)

    # -------------------------------------------------------------------------------------------- drawing and looking

    def _draw(self) -> list[Look]:
        looks: list[Look] = []
        started = time.perf_counter()
        progress = Progress(console=Console(stderr=True), transient=True)
        task = progress.add_task(f"checking {self.name}", total=self.examples)

        def look(problem: Problem) -> None:
            looks.append(self.look(problem))
            progress.update(task, completed=len(looks))
            if time.perf_counter() - started > PATIENCE and not progress.live.is_started:
                progress.start()
            if any(b.cause == "hangs" for b in looks[-1].breaches):
                raise _Enough

        try:
            with contextlib.suppress(_Enough):
                self._each(look, shrink=False)
        except KeyboardInterrupt:
            if not looks:
                raise
            self.interrupted = True
        finally:
            if progress.live.is_started:
                progress.stop()
        return looks

    def _each(self, look: Callable[[Any], None], *, shrink: bool) -> None:
        phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

        @hypothesis.seed(self.seed)
        @settings(
            max_examples=self.examples,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        )
        @given(self.strategy)
        def run(problem: Any) -> None:
            look(problem)

        run()

    def _only_at_kinks(self, failing: list[Look]) -> bool:
        """Whether the truth is somebody's own loss, and the two differ where it has no derivative and nowhere else."""
        if not failing or any(look.breaches or look.problem.truth is None for look in failing):
            return False
        rng = np.random.default_rng(0)
        for look in failing[:8]:
            nudged = with_copies(look.problem)
            for a in nudged.params.values() if isinstance(nudged, NetworkProblem) else nudged.args:
                if not a.flags.writeable:
                    return False
                a += (1e-2 * rng.standard_normal(a.shape)).astype(a.dtype)
            if self.look(nudged).fails:
                return False
        return True

    def _smallest(self, failing: list[Look]) -> Look:
        """Return the smallest problem on which the same is wrong as on most: a simple one, or what Hypothesis finds."""
        target = Counter(sign for look in failing for sign in look.signs).most_common(1)[0][0]
        best = [next(look for look in failing if target in look.signs)]
        if target == "hangs":
            return best[0]
        until = time.perf_counter() + PATIENCE / 2

        def look(problem: Problem) -> None:
            if time.perf_counter() > until:
                raise _Enough
            found = self.look(problem)
            if target in found.signs:
                best[0] = found
                raise _Complaint

        with contextlib.suppress(_Complaint, _Enough):
            if self.any_problem and is_known_network(best[0].problem):
                for problem in diagnosis.simple(best[0].problem):
                    look(problem)
            self._each(look, shrink=True)
        return best[0]

    def _diagnose(self, looks: list[Look], failing: list[Look]) -> tuple[list[Explanation], tuple[str, ...], list[str]]:
        """Return the explanations, what the failing problems have in common if nothing explains them, and notes."""
        found = list(_of_contract(failing))
        unstable = {b.array for look in failing for b in look.breaches if b.cause in _UNSTABLE}
        wrong = [look for look in failing if any(c.name not in unstable for c in look.wrong)]
        passing = [look for look in looks if not look.fails]
        if not wrong or any(e.cause == "stale-cache" for e in found):
            return found, self._common([look for look in failing if look.breaches], passing), []
        if isinstance(wrong[0].problem, RuleProblem):
            from oracle.diagnosis.rule_mistakes import explain_rule

            found += explain_rule(wrong)
            return found, (), []
        if wrong[0].problem.truth is not None:
            from oracle.diagnosis.rule_mistakes import explain_loss

            found += explain_loss(wrong)
            return found, (), []
        return self._of_network(wrong, passing, unstable, found)

    def _of_network(
        self, wrong: list[Look], passing: list[Look], unstable: set[str], found: list[Explanation]
    ) -> tuple[list[Explanation], tuple[str, ...], list[str]]:
        problem: Any = wrong[0].problem
        names = ["loss", *problem.params]

        def ask(p: NetworkProblem) -> dict[str, NDArray[Any]] | None:
            try:
                arrays = self.look.run(p, names).arrays
            except Refusal:
                return None
            return {name: np.array(a) for name, a in arrays.items() if name not in unstable or name == "loss"}

        drawn = diagnosis.probes(problem.name, problem.kwargs, problem.conventions, seed=self.seed)
        probes = [p for p in (diagnosis.probe(problem, ask) for problem in drawn) if p is not None]
        explained, unexplained = diagnosis.explain(probes)
        found += explained
        notes = []
        if unexplained:
            arrays = ", ".join(name for name in names if name in unexplained)
            notes.append(f"no known mistake explains {arrays} to rounding")
        covered = {name for e in explained for name in e.arrays} | set(unexplained)
        rest = [look for look in wrong if any(c.name not in covered | unstable for c in look.wrong)]
        infinite = [look for look in wrong if look.not_finite]
        lowest = min(map(_score_of, infinite), default=0.0)
        if lowest > LARGE and not _UNBOUNDED & {e.cause for e in explained}:
            hit = tuple(dict.fromkeys(c.name for look in infinite for c in look.wrong if not np.isfinite(c.given)))
            when = diagnosis.triggers([n.problem for n in infinite], [p.problem for p in passing], most=1)
            algebra = f"infinities or NaN, and the smallest scores that lead to any reach {lowest:.4g}"
            found.append(Explanation("overflow", algebra, hit, len(infinite), when))
            rest = [look for look in rest if not look.not_finite and _score_of(look) < LARGE]
        if rest and (only := self._only_for_arrays_of_a_kind(rest)):
            found.append(only)
            rest = []
        common = tuple(dict.fromkeys(what for whats in unexplained.values() for what in whats))[:2]
        if rest or not (found or common):
            common = common or self._common(rest or wrong, passing)
        return found, common, notes

    def _only_for_arrays_of_a_kind(self, wrong: list[Look]) -> Explanation | None:
        """Explain what is wrong for integers, for narrow labels, or for arrays in another order in memory alone."""
        for cause, algebra, when, has, plain in _KINDS:
            if all(has(look.problem) for look in wrong) and not any(
                self.look(plain(look.problem)).wrong for look in wrong[:6]
            ):
                arrays = tuple(dict.fromkeys(c.name for look in wrong for c in look.wrong))
                return Explanation(cause, algebra, arrays, len(wrong), (when,))
        return None

    def _common(self, failing: list[Look], passing: list[Look]) -> tuple[str, ...]:
        problems = [look.problem for look in failing]
        if not problems or any(p.truth is not None or isinstance(p, RuleProblem) for p in problems):
            return ()
        return diagnosis.triggers(problems, [p.problem for p in passing])

    def _remarks(self, kinks: bool, cancels: bool, failing: list[Look]) -> Iterator[str]:
        promoted = any(b.cause == "dtype-promoted" for look in failing for b in look.breaches)
        if kinks:
            yield "your convention at a kink is not JAX's: the two differ where a value lies exactly on it"
        if self.look.promotes and not promoted:
            yield (
                "for an integer X and float32 parameters it returns float64, as NumPy promotes: X.astype(W1.dtype) "
                "first is twice as fast"
            )
        if self.look.loses_digits and not failing:
            yield (
                "where scores are large it loses their last digits: shift each row by its maximum first, "
                "t = s − max s, p = exp(t)/Σ exp(t)"
            )
        if self.look.run.printed:
            yield f"it printed {self.look.run.printed:,} characters, which are not shown"
        if cancels:
            yield (
                "p_y − 1 cancels where the label leads: at a lead of 45 your gradient has lost all its digits, and "
                "−Σ_{j≠y} p_j has them all"
            )

    def _cancels(self, problem: Any) -> bool:
        """Whether the gradient of a label's score that leads by 45 has lost its digits."""
        sample = next(diagnosis.probes(problem.name, problem.kwargs, problem.conventions, seed=0))
        last = f"b{len(sample.params) // 2}"
        params = {name: 0.01 * a for name, a in sample.params.items()}
        params[last] = 45.0 * np.eye(len(params[last]))[sample.y[0]]
        tail = replace(sample, params=params, X=sample.X[:1], y=sample.y[:1], reg=0.0)
        try:
            given = self.look.run(tail, ["loss", *params]).arrays
        except Refusal:
            return False
        right = float(exact.testify(tail)[last][tail.y[0]])
        return last in given and abs(float(given[last][tail.y[0]]) - right) > abs(right) / 1000

    def _first_wrong_stage(self, failing: list[Look]) -> str:
        """Say which of the intermediates that the candidate hands over is wrong first."""
        for look in failing:
            if (
                look.answer
                and look.answer.intermediates
                and is_known_network(look.problem)
                and look.problem.dtype == float
            ):
                stage = diagnosis.first_wrong_stage(look.problem, look.answer.intermediates)
                if stage:
                    return stage
        return ""


# ---------------------------------------------------------------------------------------------------- about problems


def _score_of(look: Any) -> float:
    """Return the size of the largest score of a look's problem."""
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(Forward(look.problem).s)))


def _plain(change: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[Any], Any]:
    def of(problem: NetworkProblem) -> NetworkProblem:
        params = {name: change(a) for name, a in problem.params.items()}
        return replace(problem, params=params, X=change(problem.X), y=change(problem.y))

    return of


def _all(problem: NetworkProblem) -> list[NDArray[Any]]:
    return [*problem.params.values(), problem.X, problem.y]


#: Causes that show for arrays of a kind alone: name, formula, when, whether a problem has it, the problem without it.
_KINDS: tuple[tuple[str, str, str, Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (
        "dtype-demoted",
        "something is kept in the dtype of X",
        "X is an integer array",
        lambda p: p.X.dtype.kind in "iu",
        lambda p: replace(p, X=p.X.astype(p.dtype)),
    ),
    (
        "memory-layout",
        "memory is read in the order of C",
        "an array is not C-contiguous",
        lambda p: not all(a.flags.c_contiguous for a in _all(p)),
        _plain(lambda a: a.copy(order="C")),
    ),
    (
        "label-dtype",
        "arithmetic in the dtype of the labels",
        "the labels are not int64",
        lambda p: p.y.dtype != np.int64,
        lambda p: replace(p, y=p.y.astype(np.int64)),
    ),
    (
        "dtype-demoted",
        "something is computed in half the digits",
        "the parameters are float32",
        lambda p: p.dtype == np.float32,
        _plain(lambda a: a.astype(float) if a.dtype == np.float32 else a),
    ),
)


def _of_contract(failing: list[Look]) -> Iterator[Explanation]:
    """Yield an explanation for each promise that is broken."""
    by_cause: dict[str, dict[str, None]] = {}
    failing = sorted(failing, key=lambda look: not any(b.cause == "argument-mutated" for b in look.breaches))
    count: Counter[str] = Counter()
    for look in failing:
        for b in look.breaches:
            cause = b.cause
            if cause == "raises" and "read-only" in b:  # it tried to
                cause = "argument-mutated"
            by_cause.setdefault(cause, {})[b.array] = None
        count.update({b.cause for b in look.breaches})
    if "argument-mutated" in by_cause and all(_cannot_be_written(x) for x in failing if "raises" in x.signs):
        by_cause.pop("raises", None)
    if "argument-mutated" in by_cause:  # what that does to later calls is no mistake more
        by_cause = {c: a for c, a in by_cause.items() if c not in ("non-deterministic", "stale-cache")}
    if "non-deterministic" in by_cause:  # what changes at random may seem to grow, or to settle, for once
        by_cause = {c: a for c, a in by_cause.items() if c not in ("stale-cache", "accumulated")}
    for cause, arrays in by_cause.items():
        yield Explanation(cause, "", tuple(filter(None, arrays)), count[cause])


def _cannot_be_written(look: Look) -> bool:
    """Whether an array of the problem is read-only, or X has integers."""
    arrays = _all(look.problem) if isinstance(look.problem, NetworkProblem) else look.problem.args
    return any(not a.flags.writeable or a.dtype.kind in "iu" for a in arrays[:-1])
