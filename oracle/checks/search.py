"""Searches the problems of a rule or network for one that fails, and evaluates those that a database has saved."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from hypothesis import Phase
from hypothesis.database import ExampleDatabase, InMemoryExampleDatabase

import handgrad
from oracle import strategies
from oracle.checks.evaluation import Evaluation, evaluate
from oracle.strategies.networks import NetworkProblem
from oracle.strategies.problem import Problem
from oracle.strategies.runner import ProblemFailed, run

__all__ = ["key_of", "replay", "search", "training_run"]

Found = Callable[[Problem, Evaluation], None]


def search(
    name: str,
    *,
    problems: int,
    seed: int,
    dtype: Any = None,
    found: Found,
    known: int = 0,
    database: ExampleDatabase | None = None,
    phases: tuple[Phase, ...] = (Phase.generate, Phase.shrink),
    compiled: bool = False,
) -> None:
    """Draw problems for a rule or network and call ``found`` with each and its evaluation.

    After the first that fails, Hypothesis looks for smaller ones; the last one found is the smallest. Each is saved in
    the database, if there is one. The first ``known`` problems, of which all are correct, are drawn and not evaluated.
    ``compiled`` takes seconds first, and pays off from about a thousand problems.
    """
    count = itertools.count(1)

    def test(problem: Problem) -> None:
        if next(count) <= known:
            return
        evaluation = evaluate(problem, compiled=compiled)
        found(problem, evaluation)
        if evaluation.failed:
            raise ProblemFailed

    strategy, key = strategies.problems(name, dtype), key_of(name, dtype)
    run(strategy, test, examples=problems, seed=seed, phases=phases, database=database, key=key)


def replay(name: str, values: Iterable[bytes], *, dtype: Any = None, found: Found) -> None:
    """Draw the problems that a database has saved, and call ``found`` with each and its evaluation."""
    for value in values:
        database = InMemoryExampleDatabase()
        database.save(key_of(name, dtype), value)
        search(name, problems=1, seed=0, dtype=dtype, found=found, database=database, phases=(Phase.reuse,))


def key_of(name: str, dtype: Any = None) -> bytes:
    """Return the key under which a database saves the failing problems of a rule or network."""
    return f"{name}, {'both' if dtype is None else np.dtype(dtype)}".encode()


def training_run(
    *, steps: int = 100, batch_size: int = 64, hidden: int = 100, seed: int = 0, dtype: Any = np.float64
) -> Iterator[NetworkProblem]:
    """Yield the problems of a training run: minibatch SGD on a two-layer network that learns the digits."""
    X, y = handgrad.datasets.digits()
    rng = np.random.default_rng(seed)
    params = handgrad.init_params([X.shape[1], hidden, 10], rng=rng, dtype=dtype)
    for _ in range(steps):
        rows = rng.choice(len(X), batch_size, replace=False)
        yield NetworkProblem("two_layer", params, X[rows].astype(dtype), y[rows], reg=1e-3)
        _, grads = handgrad.two_layer.loss_and_grad(params, X[rows], y[rows], 1e-3)
        params = {name: p - 0.5 * grads[name] for name, p in params.items()}
