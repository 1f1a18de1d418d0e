"""What a verification has to check, share by share, what it has found, and the file that remembers it.

A share is up to ``SIZE`` problems of one name, drawn from a seed that is made of the campaign's seed, the name and the
share's number. So the table depends on the plan alone: not on how many processes check it, in which order, nor on which
of them were lost on the way. What is lost is drawn again from its seed, and only what had not been told is examined.
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
from oracle.campaigns.database import Findings
from oracle.campaigns.table import Row
from oracle.checks.evaluation import Evaluation, evaluate
from oracle.checks.search import key_of, replay, search, training_run
from oracle.strategies import NAMES
from oracle.strategies.problem import Problem

__all__ = ["SIZE", "TRAINING", "TRAINING_STEPS", "Campaign", "Plan", "Share", "check"]

#: The row of the gradients that a training run really meets, and how many there are.
TRAINING, TRAINING_STEPS = "two_layer on digits", 100

#: Problems in a share.
SIZE = 100

#: Of the failing problems that are known of a name, how many are replayed: the smallest.
REPLAYED = 100

_REPLAY = -1  # in the place of a share's number

_SHOW_EVERY, _SAVE_EVERY, _LOOK_EVERY = 0.2, 2.0, 2.0  # seconds


@dataclass(frozen=True)
class Plan:
    """What a campaign checks."""

    names: tuple[str, ...]
    #: Of each name; of a training run there are as many as it has steps.
    problems: int
    seed: int
    #: "float32" or "float64"; None for both.
    dtype: str | None = None

    def total(self, name: str) -> int:
        """Return how many problems of a name are checked."""
        return TRAINING_STEPS if name == TRAINING else self.problems

    def shares(self, name: str) -> int:
        """Return how many shares these are."""
        return 1 if name == TRAINING else math.ceil(self.problems / SIZE)

    def share(self, name: str, number: int, known: Row) -> "Share":
        """Return a share."""
        seed = hashlib.sha256(f"{self.seed}, {name}, {number}".encode()).digest()
        problems = min(SIZE, self.total(name) - number * SIZE)
        return Share(name, number, problems, int.from_bytes(seed[:8]), self.dtype, known)


@dataclass(frozen=True)
class Share:
    """What one process checks in one go."""

    name: str
    number: int
    problems: int
    seed: int
    dtype: str | None
    #: What is known already: the problems that it counts are drawn, and not examined.
    known: Row
    #: Failing problems, as Hypothesis writes them down, which are checked instead.
    values: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class _Tally:
    """What has been told of a name. Never changed but replaced, so that whoever interrupts finds it whole."""

    #: The first shares, merged in their order.
    row: Row
    merged: int = 0
    #: The later ones, and those under way.
    parts: dict[int, Row] = field(default_factory=dict)
    finished: frozenset[int] = frozenset()

    def told(self, number: int, row: Row, *, finished: bool) -> "_Tally":
        tally = replace(self, parts={**self.parts, number: row})
        if finished:
            tally = replace(tally, finished=self.finished | {number})
        while tally.merged in tally.finished:
            parts = dict(tally.parts)
            row = tally.row.merged(parts.pop(tally.merged))
            tally = _Tally(row, tally.merged + 1, parts, tally.finished - {tally.merged})
        return tally

    @property
    def all(self) -> Row:
        row = self.row
        for _, part in sorted(self.parts.items()):
            row = row.merged(part)
        return row


class Campaign:
    """The plan, what has been told so far, and what to do next.

    Parameters
    ----------
    plan : Plan
    findings : Findings
        Failing problems that are known; each that is not among those replayed yet is replayed before all else.
    file : path, optional
        Where it is written down every two seconds. If the file is there, the campaign goes on from it.

    Raises
    ------
    OSError
        If the file cannot be read or written.
    ValueError
        If it is that of another plan, or no campaign at all.
    """

    def __init__(self, plan: Plan, findings: Findings, file: str | os.PathLike[str] | None = None) -> None:
        self.plan, self.findings, self.file = plan, findings, file
        self._tallies = {name: _Tally(Row(name)) for name in plan.names}
        self._replayed = {name: Row(name) for name in plan.names}
        self._seen: dict[str, set[bytes]] = {name: set() for name in plan.names}
        self._replays: deque[Share] = deque()
        self._under_way: dict[str, set[int]] = {name: set() for name in plan.names}
        self._seconds, self._started = 0.0, time.perf_counter()
        self._due = dict.fromkeys(("show", "save", "look"), 0.0)
        if file is not None and os.path.exists(file):
            self._load(file)
        self.save()
        self.look()

    @property
    def rows(self) -> list[Row]:
        """What is known of each name. A failing problem that was only replayed counts where no share fails."""
        return [self._row(name) for name in self.plan.names]

    def _row(self, name: str) -> Row:
        row = self._tallies[name].all
        return row if row.failure else replace(row, failure=self._replayed[name].failure)

    @property
    def keys(self) -> list[bytes]:
        """The keys of the names in a database."""
        return [key_of(name, self.plan.dtype) for name in self.plan.names]

    @property
    def seconds(self) -> float:
        """For how long it has been running, all times together."""
        return self._seconds + time.perf_counter() - self._started

    @property
    def left(self) -> int:
        """How many shares nobody has begun, replays among them."""
        return len(self._replays) + sum(map(self._left, self.plan.names))

    def _left(self, name: str) -> int:
        tally = self._tallies[name]
        return self.plan.shares(name) - tally.merged - len(tally.finished) - len(self._under_way[name])

    def next(self, at: str | None = None, others: Collection[str | None] = ()) -> Share | None:
        """Return what to do next, for a process that has been at a name, while others are at theirs.

        A replay comes first; then the name at hand, whose programs are compiled; then one that nobody is at.
        """
        if self._replays:
            return self._replays.popleft()
        names = [name for name in self.plan.names if self._left(name)]
        if not names:
            return None
        free = [name for name in names if name not in others]
        name = at if at in names else free[0] if free else max(names, key=self._left)
        assert name is not None
        tally, under_way = self._tallies[name], self._under_way[name]
        number = next(n for n in itertools.count(tally.merged) if n not in tally.finished and n not in under_way)
        under_way.add(number)
        # a failure is found again from the seed
        return self.plan.share(name, number, replace(tally.parts.get(number, Row(name)), failure=None))

    def told(self, share: Share, row: Row, *, finished: bool = False) -> None:
        """Take note of what is known of a share."""
        if share.number == _REPLAY:
            self._replayed[share.name] = self._replayed[share.name].merged(row)
            return
        self._tallies[share.name] = self._tallies[share.name].told(share.number, row, finished=finished)
        if finished:
            self._under_way[share.name].discard(share.number)

    def lost(self, share: Share) -> None:
        """Take a share back: whoever was at it is no more."""
        if share.number == _REPLAY:
            self._replays.appendleft(share)
        else:
            self._under_way[share.name].discard(share.number)

    def look(self, *, everywhere: bool = True) -> None:
        """Look for failing problems that others have found since; not of names that fail, unless ``everywhere``."""
        for name, key in zip(self.plan.names, self.keys):
            if everywhere or not self._row(name).failure:
                new = set(self.findings.fetch(key)) - self._seen[name]
                if new:
                    self._seen[name] |= new
                    values = sorted(new, key=lambda value: (len(value), value))[:REPLAYED]
                    share = Share(name, _REPLAY, len(values), 0, self.plan.dtype, Row(name), tuple(values))
                    self._replays.append(share)

    def tick(self, show: Callable[[], None]) -> None:
        """Do what is done every now and then: show how far it is, write it down, look what others have found."""
        now = time.perf_counter()
        for what, every, do in (
            ("show", _SHOW_EVERY, show),
            ("save", _SAVE_EVERY, self.save),
            ("look", _LOOK_EVERY, lambda: self.look(everywhere=False)),
        ):
            if now - self._due[what] >= every:
                self._due[what] = now
                do()

    def save(self) -> None:
        """Write it down, beside the file and then in its place."""
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
        differ = [f"{what} {expected[what]}, given {given[what]}" for what in given if given[what] != expected[what]]
        if differ:
            raise ValueError(f"{path} is of another campaign: expected {'; '.join(differ)}")
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
        raise ValueError(f"{path} expected a campaign, found something else there") from error


def _tally(plan: Plan, name: str, saved: Any) -> _Tally:
    row, merged, finished = Row.from_json(saved["row"]), int(saved["merged"]), frozenset(map(int, saved["finished"]))
    parts = {int(number): Row.from_json(part) for number, part in saved["parts"].items()}
    later = range(merged, plan.shares(name))
    if merged < 0 or not finished <= parts.keys() or not all(number in later for number in parts):
        raise ValueError
    if {row.name, *(part.name for part in parts.values())} != {name}:
        raise ValueError
    return _Tally(row, merged, parts, finished)


def check(share: Share, findings: Findings, tell: Callable[[Row], None]) -> Row:
    """Check a share and tell what is known of it after each problem."""
    row = replace(share.known)
    started = time.perf_counter() - row.seconds

    def found(problem: Problem, evaluation: Evaluation) -> None:
        row.add(problem, evaluation)
        row.seconds = time.perf_counter() - started
        tell(replace(row))

    dtype = None if share.dtype is None else np.dtype(share.dtype).type
    if share.values:
        replay(share.name, share.values, dtype=dtype, found=found)
    elif share.name == TRAINING:
        for problem in _training(share, dtype):
            found(problem, evaluate(problem))
    else:
        search(
            share.name,
            problems=share.problems,
            seed=share.seed,
            dtype=dtype,
            found=found,
            known=row.problems,
            database=findings,
        )
        if row.failure:  # the server, should it have been away, is given what it missed
            list(findings.fetch(key_of(share.name, share.dtype)))
    return row


def _training(share: Share, dtype: Any) -> Iterator[Problem]:
    problems = training_run(steps=TRAINING_STEPS, seed=share.seed, dtype=dtype or np.float64)
    return itertools.islice(problems, share.known.problems, None)
