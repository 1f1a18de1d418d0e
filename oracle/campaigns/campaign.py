"""A verification in shards: the plan, the results so far, and the file that saves them.

A shard is up to ``SHARD_SIZE`` problems of one name, drawn from a seed made of the campaign's seed, the name and the
shard's number. So the table depends on the plan alone: not on how many processes check it, in which order, or which
of them die. A lost shard is drawn again from its seed, and continues after the last problem recorded.
"""

import hashlib
import itertools
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.files.atomic import atomic_write
from oracle.campaigns.database import FailureDatabase
from oracle.campaigns.table import Result
from oracle.checks.evaluation import Evaluation, evaluate
from oracle.checks.search import key_of, replay, search, training_run
from oracle.strategies import NAMES
from oracle.strategies.problem import Problem

__all__ = ["SHARD_SIZE", "TRAINING", "TRAINING_STEPS", "Campaign", "Plan", "Shard", "check"]

#: The name of the gradients along a training run, and how many there are.
TRAINING, TRAINING_STEPS = "two_layer on digits", 100

#: Maximum number of problems in a shard.
SHARD_SIZE = 100

#: Maximum number of known failing problems that are replayed for a name: the smallest.
MAX_REPLAYED = 100

_REPLAY = -1  # the number of a shard of replays

#: From so many problems of each name the oracle's programs are compiled, which takes seconds for each.
COMPILE_FROM = 1500

_SHOW_EVERY, _SAVE_EVERY, _FETCH_EVERY = 0.2, 2.0, 2.0  # seconds


@dataclass(frozen=True)
class Plan:
    """The problems that a campaign checks."""

    names: tuple[str, ...]
    #: For each name; a training run has as many as it has steps.
    problems: int
    seed: int
    #: "float32" or "float64"; None for both.
    dtype: str | None = None

    def total(self, name: str) -> int:
        """Return the number of problems of a name."""
        return TRAINING_STEPS if name == TRAINING else self.problems

    def num_shards(self, name: str) -> int:
        """Return the number of shards of a name."""
        return 1 if name == TRAINING else math.ceil(self.problems / SHARD_SIZE)

    def shard(self, name: str, number: int, known: Result) -> "Shard":
        """Return a shard."""
        seed = hashlib.sha256(f"{self.seed}, {name}, {number}".encode()).digest()
        problems = min(SHARD_SIZE, self.total(name) - number * SHARD_SIZE)
        compiled = self.problems >= COMPILE_FROM
        return Shard(name, number, problems, int.from_bytes(seed[:8]), self.dtype, known, compiled=compiled)


@dataclass(frozen=True)
class Shard:
    """The problems that one process checks in one go."""

    name: str
    number: int
    problems: int
    seed: int
    dtype: str | None
    #: The result so far: the problems that it counts are drawn, and not evaluated.
    known: Result
    #: Failing problems in Hypothesis's encoding, which are checked instead.
    values: tuple[bytes, ...] = ()
    compiled: bool = False


@dataclass(frozen=True)
class _Tally:
    """Results so far for one name. Immutable, so an interrupt always sees a consistent state."""

    #: The result of the first shards, merged in their order.
    row: Result
    merged: int = 0
    #: The later shards, finished or running.
    parts: dict[int, Result] = field(default_factory=dict)
    finished: frozenset[int] = frozenset()

    def record(self, number: int, row: Result, *, finished: bool) -> "_Tally":
        tally = replace(self, parts={**self.parts, number: row})
        if finished:
            tally = replace(tally, finished=self.finished | {number})
        while tally.merged in tally.finished:
            parts = dict(tally.parts)
            row = tally.row.merge(parts.pop(tally.merged))
            tally = _Tally(row, tally.merged + 1, parts, tally.finished - {tally.merged})
        return tally

    @property
    def all(self) -> Result:
        row = self.row
        for _, part in sorted(self.parts.items()):
            row = row.merge(part)
        return row


class Campaign:
    """The plan, the results so far, and the shards that are left.

    Parameters
    ----------
    plan : Plan
    failures : FailureDatabase
        Known failing problems, which are replayed first.
    file : path, optional
        Progress is saved here every two seconds. If the file exists, the campaign resumes from it.

    Raises
    ------
    OSError
        If the file cannot be read or written.
    ValueError
        If it is of another plan, or not a campaign file.
    """

    def __init__(self, plan: Plan, failures: FailureDatabase, file: str | os.PathLike[str] | None = None) -> None:
        self.plan, self.failures, self.file = plan, failures, file
        self._tallies = {name: _Tally(Result(name)) for name in plan.names}
        self._replayed = {name: Result(name) for name in plan.names}
        self._seen: dict[str, set[bytes]] = {name: set() for name in plan.names}
        self._replays: deque[Shard] = deque()
        self._running: dict[str, set[int]] = {name: set() for name in plan.names}
        self._seconds, self._started = 0.0, time.perf_counter()
        self._due = dict.fromkeys(("show", "save", "look"), 0.0)
        if file is not None and os.path.exists(file):
            self._load(file)
        self.save()
        self.fetch_new_failures()

    @property
    def rows(self) -> list[Result]:
        """The result for each name. A replayed failure counts where no shard fails."""
        return [self._row(name) for name in self.plan.names]

    def _row(self, name: str) -> Result:
        row = self._tallies[name].all
        return row if row.failure else replace(row, failure=self._replayed[name].failure)

    @property
    def keys(self) -> list[bytes]:
        """The keys of the names in a database."""
        return [key_of(name, self.plan.dtype) for name in self.plan.names]

    @property
    def seconds(self) -> float:
        """The total running time."""
        return self._seconds + time.perf_counter() - self._started

    @property
    def left(self) -> int:
        """The number of shards that have not started, replays included."""
        return len(self._replays) + sum(map(self._left, self.plan.names))

    def _left(self, name: str) -> int:
        tally = self._tallies[name]
        return self.plan.num_shards(name) - tally.merged - len(tally.finished) - len(self._running[name])

    def next(self, at: str | None = None, others: Collection[str | None] = ()) -> Shard | None:
        """Return the next shard for a process that last checked the name ``at``, while others check theirs.

        Replays come first; then the same name, whose programs are compiled; then a name that no other process checks.
        """
        if self._replays:
            return self._replays.popleft()
        names = [name for name in self.plan.names if self._left(name)]
        if not names:
            return None
        free = [name for name in names if name not in others]
        name = at if at in names else free[0] if free else max(names, key=self._left)
        assert name is not None
        tally, running = self._tallies[name], self._running[name]
        number = next(n for n in itertools.count(tally.merged) if n not in tally.finished and n not in running)
        running.add(number)
        # a failure is found again from the seed
        return self.plan.shard(name, number, replace(tally.parts.get(number, Result(name)), failure=None))

    def record(self, shard: Shard, row: Result, *, finished: bool = False) -> None:
        """Record the result of a shard so far."""
        if shard.number == _REPLAY:
            self._replayed[shard.name] = self._replayed[shard.name].merge(row)
            return
        self._tallies[shard.name] = self._tallies[shard.name].record(shard.number, row, finished=finished)
        if finished:
            self._running[shard.name].discard(shard.number)

    def requeue(self, shard: Shard) -> None:
        """Put a shard back: its process died."""
        if shard.number == _REPLAY:
            self._replays.appendleft(shard)
        else:
            self._running[shard.name].discard(shard.number)

    def fetch_new_failures(self, *, everywhere: bool = True) -> None:
        """Fetch failing problems that others have found; for names that already fail only if ``everywhere``."""
        for name, key in zip(self.plan.names, self.keys):
            if everywhere or not self._row(name).failure:
                new = set(self.failures.fetch(key)) - self._seen[name]
                if new:
                    self._seen[name] |= new
                    values = sorted(new, key=lambda value: (len(value), value))[:MAX_REPLAYED]
                    shard = Shard(name, _REPLAY, len(values), 0, self.plan.dtype, Result(name), tuple(values))
                    self._replays.append(shard)

    def poll(self, show: Callable[[], None]) -> None:
        """Run the periodic tasks: report progress, save, and fetch new failures."""
        now = time.perf_counter()
        for what, every, do in (
            ("show", _SHOW_EVERY, show),
            ("save", _SAVE_EVERY, self.save),
            ("look", _FETCH_EVERY, lambda: self.fetch_new_failures(everywhere=False)),
        ):
            if now - self._due[what] >= every:
                self._due[what] = now
                do()

    def save(self) -> None:
        """Save atomically."""
        if self.file is None:
            return
        tallies = {
            name: {"row": asdict(tally.row), "merged": tally.merged}
            | {"parts": {number: asdict(part) for number, part in tally.parts.items()}}
            | {"finished": sorted(tally.finished)}
            for name, tally in self._tallies.items()
        }
        with atomic_write(self.file) as file:
            text = json.dumps({"plan": asdict(self.plan), "seconds": self.seconds, "names": tallies})
            file.write(text.encode())

    def _load(self, path: str | os.PathLike[str]) -> None:
        saved = _read(path)
        given, expected = asdict(self.plan), asdict(saved["plan"])
        differ = [
            f"{name} must be {expected[name]}, got {given[name]}" for name in given if given[name] != expected[name]
        ]
        if differ:
            raise ValueError(f"{path} is of another campaign: {'; '.join(differ)}")
        self._seconds, self._tallies = saved["seconds"], saved["tallies"]

    @staticmethod
    def plan_in(path: str | os.PathLike[str]) -> Plan:
        """Return the plan of the campaign in a file."""
        plan: Plan = _read(path)["plan"]
        return plan


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    with open(path, "rb") as file:
        text = file.read()
    try:
        saved = json.loads(text.decode())
        names, dtype = tuple(saved["plan"]["names"]), saved["plan"]["dtype"]
        plan = Plan(names, int(saved["plan"]["problems"]), int(saved["plan"]["seed"]), dtype)
        if not {*names} <= {*NAMES, TRAINING} or dtype not in (None, "float32", "float64") or plan.problems < 1:
            raise ValueError
        tallies = {name: _tally(plan, name, saved["names"][name]) for name in names}
        return {"plan": plan, "seconds": float(saved["seconds"]), "tallies": tallies}
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a campaign file") from error


def _tally(plan: Plan, name: str, saved: Any) -> _Tally:
    row, merged, finished = Result.from_json(saved["row"]), int(saved["merged"]), frozenset(map(int, saved["finished"]))
    parts = {int(number): Result.from_json(part) for number, part in saved["parts"].items()}
    later = range(merged, plan.num_shards(name))
    if merged < 0 or not finished <= parts.keys() or not all(number in later for number in parts):
        raise ValueError
    if {row.name, *(part.name for part in parts.values())} != {name}:
        raise ValueError
    return _Tally(row, merged, parts, finished)


def check(shard: Shard, failures: FailureDatabase, report: Callable[[Result], None]) -> Result:
    """Check a shard, and call ``report`` with the result after each problem."""
    row = replace(shard.known)
    started = time.perf_counter() - row.seconds

    def found(problem: Problem, evaluation: Evaluation) -> None:
        row.add(problem, evaluation)
        row.seconds = time.perf_counter() - started
        report(replace(row))

    dtype = None if shard.dtype is None else np.dtype(shard.dtype).type
    if shard.values:
        replay(shard.name, shard.values, dtype=dtype, found=found)
    elif shard.name == TRAINING:
        for problem in _training(shard, dtype):
            found(problem, evaluate(problem))
    else:
        search(
            shard.name,
            problems=shard.problems,
            seed=shard.seed,
            dtype=dtype,
            found=found,
            known=row.problems,
            database=failures,
            compiled=shard.compiled,
        )
        if row.failure:  # a server that was offline gets what it missed
            list(failures.fetch(key_of(shard.name, shard.dtype)))
    return row


def _training(shard: Shard, dtype: Any) -> Iterator[Problem]:
    problems = training_run(steps=TRAINING_STEPS, seed=shard.seed, dtype=dtype or np.float64)
    return itertools.islice(problems, shard.known.problems, None)
