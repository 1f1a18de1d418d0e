"""Checks handgrad's rules and networks against the witnesses, problem by problem."""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import ExampleDatabase, InMemoryExampleDatabase
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy
from numpy.typing import NDArray

import handgrad
from oracle.candidates import contract
from oracle.gradients import autodiff, complex_step, exact, loops
from oracle.rounding.monte_carlo import Comparison, compare
from oracle.strategies.expressions import (
    EXPRESSIONS,
    SECOND_DERIVATIVES,
    ExpressionProblem,
    evaluate,
    expression_problems,
)
from oracle.strategies.problems import NetworkProblem, RuleProblem, network_problems, rule_problems

__all__ = [
    "NAMES",
    "Examination",
    "Problem",
    "answers",
    "examine",
    "key_of",
    "replay",
    "search",
    "training_run",
]

#: All that can be verified.
NAMES = (*handgrad.NETWORKS, *handgrad.RULES, EXPRESSIONS, SECOND_DERIVATIVES)

Problem = RuleProblem | NetworkProblem | ExpressionProblem
Answers = Mapping[str, Any]


class _Complaint(Exception):
    """Tells Hypothesis that a problem failed."""


@dataclass(frozen=True)
class Examination:
    """What came out of one problem: each array's worst entry, the promises broken, and what the witnesses say."""

    comparisons: tuple[Comparison, ...]
    breaches: tuple[str, ...] = ()
    #: Where handgrad and JAX differ: who says what of the worst entry.
    hearing: tuple[str, ...] = ()
    #: Whether exact arithmetic sides with handgrad against JAX.
    overruled: bool = False

    @property
    def worst(self) -> Comparison:
        """The entry that lies furthest from what is expected, measured by its bound."""
        return max(self.comparisons, key=lambda c: c.excess)

    @property
    def complaints(self) -> tuple[str, ...]:
        """A sentence for each promise broken and each array that is wrong."""
        return (*self.breaches, *(str(c) for c in self.comparisons if not c.agrees))


def answers(problem: Problem) -> dict[str, Any]:
    """Return handgrad's answers by name: "value", "dx", … for a rule; "loss", "W1", …, "X" for a network."""
    if isinstance(problem, RuleProblem):
        value, backward = handgrad.RULES[problem.name](*problem.args, **problem.kwargs)
        names = (f"d{argument}" for argument in problem.argument_names)
        return {"value": value, **dict(zip(names, backward(problem.cotangent)))}
    if isinstance(problem, ExpressionProblem):
        value, grads = handgrad.graph.value_and_grad(functools.partial(_scalar, problem))(problem.leaves)
        return {"value": value, **{f"d{name}": d for name, d in zip(problem.argument_names, grads)}}
    loss, grads = handgrad.NETWORKS[problem.name].loss_and_grad(
        problem.params, problem.X, problem.y, problem.reg, input_grad=problem.input_grad, **problem.kwargs
    )
    return {"loss": loss, **grads}


def _scalar(problem: ExpressionProblem, leaves: Any) -> Any:
    """Return what is differentiated: the expression, or the product of a direction and its gradient."""

    def call(name: str, *args: Any, **kwargs: Any) -> Any:
        return handgrad.graph.apply(handgrad.RULES[name], *args, **kwargs)

    if problem.direction is None:
        return evaluate(problem.steps, leaves, call)
    _, grads = handgrad.graph.value_and_grad(lambda inner: evaluate(problem.steps, inner, call))(leaves)
    return sum(np.sum(d * v) for d, v in zip(grads, problem.direction))


def examine(problem: Problem, answer: Callable[[Any], Answers] = answers) -> Examination:
    """Compare the answers to a problem with JAX's and, where the two differ, with exact arithmetic's.

    What is wrong only for arrays of a certain kind is said to be so.
    """
    examination = _examine(problem, answer)
    if examination.complaints and isinstance(problem, NetworkProblem):
        triggers = (what for what, plain in _plainer(problem) if not _examine(plain, answer).complaints)
        return replace(examination, breaches=(*examination.breaches, *(f"wrong only where {t}" for t in triggers)))
    return examination


def _examine(problem: Problem, answer: Callable[[Any], Answers]) -> Examination:
    try:
        given, breaches = contract.call(lambda: answer(problem), _arguments(problem), _like(problem))
    except Exception as error:
        return Examination((), (f"{type(error).__name__}: {error}",))
    if breaches:  # what has the wrong shape cannot be compared, and what changes need not be
        return Examination((), breaches)
    testimony = autodiff.testify(problem)
    found = testimony.compare(given)
    if all(c.agrees for c in found):
        return Examination(tuple(found))
    truth = exact.testify(problem)
    judged = compare(given, truth, testimony.bound)
    overruled = all(c.agrees for c in judged)
    worst = max(found if overruled else judged, key=lambda c: c.excess)
    return Examination(tuple(judged), (), tuple(_hear(problem, worst, truth, testimony.expected)), overruled)


def _plainer(problem: NetworkProblem) -> Iterator[tuple[str, NetworkProblem]]:
    """Yield each thing that is special about the arrays of a problem, and the problem without it."""
    arrays = (*problem.params.values(), problem.X, problem.y)
    if not all(a.flags.c_contiguous for a in arrays):
        yield "an array is not C-contiguous", _with_arrays(problem, lambda a: a.copy(order="C"))
    if not all(a.flags.writeable for a in arrays):
        yield "an array is read-only", _with_arrays(problem, lambda a: a.copy(order="K"))
    if problem.X.dtype != problem.dtype:
        yield f"X is {problem.X.dtype}", replace(problem, X=problem.X.astype(problem.dtype))
    if problem.y.dtype != np.int64:
        yield f"the labels are {problem.y.dtype}", replace(problem, y=problem.y.astype(np.int64))


def _with_arrays(problem: NetworkProblem, change: Callable[[NDArray[Any]], NDArray[Any]]) -> NetworkProblem:
    params = {name: change(a) for name, a in problem.params.items()}
    return replace(problem, params=params, X=change(problem.X), y=change(problem.y))


def _hear(problem: Problem, worst: Comparison, truth: Answers, expected: Answers) -> Iterator[str]:
    """Yield what each witness says of an entry, and by how much it is off."""
    said = {"handgrad": worst.given, "jax_grad": float(expected[worst.name][worst.index])}
    for name, witness in (("complex_step", complex_step), ("loops", loops)):
        testimony = witness.testify(problem)
        if testimony is not None and worst.name in testimony:
            said[name] = float(testimony[worst.name][worst.index])
    right = float(truth[worst.name][worst.index])
    yield f"exact arithmetic says {right!r}"
    for name, value in said.items():
        off = not abs(value - right) <= worst.bound
        yield f"{name} says {value!r}" + (f", off by {abs(value - right):.1e}" if off else "")


def search(
    name: str,
    *,
    problems: int,
    seed: int,
    dtype: Any = None,
    found: Callable[[Problem, Examination], None],
    known: int = 0,
    database: ExampleDatabase | None = None,
) -> None:
    """Draw problems for a rule or network and call ``found`` with each and what came out of it.

    After the first one with a complaint, Hypothesis looks for smaller ones; the last one found is the smallest. Each is
    kept in the database, if there is one. The first ``known`` problems, of which it is known that they are right, are
    drawn and not examined.
    """
    _run(name, problems, seed, dtype, found, known, database, (Phase.generate, Phase.shrink))


def replay(
    name: str, values: Iterable[bytes], *, dtype: Any = None, found: Callable[[Problem, Examination], None]
) -> None:
    """Draw the very problems that a database has kept, and call ``found`` with each and what comes out of it."""
    for value in values:
        database = InMemoryExampleDatabase()
        database.save(key_of(name, dtype), value)
        _run(name, 1, 0, dtype, found, 0, database, (Phase.reuse,))


def key_of(name: str, dtype: Any = None) -> bytes:
    """Return the key under which a database keeps the failing problems of a rule or network."""
    return f"{name}, {'both' if dtype is None else np.dtype(dtype)}".encode()


def _run(
    name: str,
    problems: int,
    seed: int,
    dtype: Any,
    found: Callable[[Problem, Examination], None],
    known: int,
    database: ExampleDatabase | None,
    phases: Sequence[Phase],
) -> None:
    count = itertools.count(1)

    @settings(
        max_examples=problems,
        database=database,
        deadline=None,
        derandomize=False,
        phases=phases,
        report_multiple_bugs=False,  # the others are looked for as long as the clock says: never the same twice
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(seed)  # below the settings: above them it would take the database away
    @given(_strategy(name, dtype))
    def check(problem: Problem) -> None:
        if next(count) <= known:
            return
        examination = examine(problem)
        found(problem, examination)
        if examination.complaints:
            raise _Complaint

    # the key that is Hypothesis's own is the same for all names
    check._hypothesis_internal_database_key = key_of(name, dtype)  # type: ignore[attr-defined]
    with contextlib.suppress(_Complaint, Flaky):  # what fails only at times has been told like the rest
        check()


def _strategy(name: str, dtype: Any) -> SearchStrategy[Any]:
    if name in (EXPRESSIONS, SECOND_DERIVATIVES):
        return expression_problems(dtype, second=name == SECOND_DERIVATIVES)
    return network_problems(name, dtype) if name in handgrad.NETWORKS else rule_problems(name, dtype)


def training_run(
    *, steps: int = 100, batch_size: int = 64, hidden: int = 100, seed: int = 0, dtype: Any = np.float64
) -> Iterator[NetworkProblem]:
    """Yield the problems that minibatch SGD really meets: a two-layer network learning the digits."""
    X, y = handgrad.datasets.digits()
    rng = np.random.default_rng(seed)
    params = handgrad.init_params([X.shape[1], hidden, 10], rng=rng, dtype=dtype)
    for _ in range(steps):
        rows = rng.choice(len(X), batch_size, replace=False)
        yield NetworkProblem("two_layer", params, X[rows].astype(dtype), y[rows], reg=1e-3)
        _, grads = handgrad.two_layer.loss_and_grad(params, X[rows], y[rows], 1e-3)
        params = {name: p - 0.5 * grads[name] for name, p in params.items()}


def _arguments(problem: Problem) -> dict[str, NDArray[Any]]:
    if isinstance(problem, RuleProblem):
        names = problem.argument_names
        keywords = {k: v for k, v in problem.kwargs.items() if isinstance(v, np.ndarray)}
        return {**dict(zip(names, problem.args)), **keywords, "the cotangent": problem.cotangent}
    if isinstance(problem, ExpressionProblem):
        return dict(zip(problem.argument_names, problem.leaves))
    return {**problem.params, "X": problem.X, "y": problem.y}


def _like(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return an array of the right shape and dtype for each answer."""
    if isinstance(problem, RuleProblem):
        names = (f"d{argument}" for argument in problem.argument_names)
        return {"value": problem.cotangent, **dict(zip(names, problem.args))}
    if isinstance(problem, ExpressionProblem):
        names = (f"d{argument}" for argument in problem.argument_names)
        return {"value": np.zeros((), problem.dtype), **dict(zip(names, problem.leaves))}
    like = {"loss": np.zeros((), problem.dtype), **problem.params}
    return like | {"X": problem.X} if problem.input_grad else like
