"""Calls somebody else's code: on copies of the arguments, within a time limit, its output caught."""

import contextlib
import contextvars
import ctypes
import io
import queue
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.candidates.contract import Breach
from oracle.strategies.problems import NetworkProblem, RuleProblem, copied

__all__ = ["Answer", "Refusal", "Runner"]

Problem = NetworkProblem | RuleProblem


class Refusal(Exception):
    """There is no answer to compare: the candidate raised, hung, or returned something else."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(str(breach))
        self.breach = breach


class _Stop(BaseException):
    """Ends a candidate that takes too long; no ``except Exception`` holds it up."""


@dataclass(frozen=True)
class Answer:
    """What a candidate returned, as arrays by name, and what it did to its arguments."""

    arrays: dict[str, NDArray[Any]]
    intermediates: dict[str, NDArray[Any]] = field(default_factory=dict)
    breaches: tuple[Breach, ...] = ()


class Runner:
    """Calls a candidate on problems, one after the other, in a thread that can be left behind if it hangs.

    ``ask`` makes the call for a problem whose arrays are its own, and ``names`` says what it shall return.
    """

    def __init__(self, ask: Callable[[Any], Any], *, time_limit: float) -> None:
        self.ask, self.time_limit = ask, time_limit
        self.printed = 0
        self._thread: threading.Thread | None = None

    def __call__(self, problem: Problem, names: Sequence[str]) -> Answer:
        """Return the candidate's answer to a problem; raise ``Refusal`` if it has none."""
        mine = with_copies(problem)
        returned = self._call(mine)
        arrays, intermediates = _arrays(returned, names)
        return Answer(arrays, intermediates, tuple(_breaches(problem, mine, arrays)))

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._tasks.put(None)

    def _call(self, problem: Problem) -> Any:
        if self._thread is None:
            self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
            context = contextvars.copy_context()  # the caller's np.errstate, for one
            work = (self.ask, self._tasks, self._results)
            self._thread = threading.Thread(target=context.run, args=(_work, *work), daemon=True)
            self._thread.start()
        output = _Output()
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            warnings.catch_warnings(action="ignore"),  # the filters are all threads', and nothing else runs now
        ):
            self._tasks.put(problem)
            try:
                returned, error = self._results.get(timeout=self.time_limit)
            except BaseException as error:  # an interruption too: what the thread still answers is for nobody
                _stop(self._thread)
                self._thread = None
                if not isinstance(error, queue.Empty):
                    raise
                sentence = f"it did not return within {self.time_limit:g} seconds"
                raise Refusal(Breach(sentence, "hangs", "")) from None
            finally:
                self.printed += output.size
        if error is not None:
            text = str(error).strip().partition("\n")[0][:200]
            sentence = f"it raises {type(error).__name__}{': ' if text else ''}{text}"
            raise Refusal(Breach(sentence, "raises", "")) from error
        return returned


class _Output(io.TextIOBase):
    """Counts what is printed and keeps none of it."""

    size = 0

    def write(self, text: str) -> int:
        self.size += len(text)
        return len(text)


def _work(ask: Callable[[Any], Any], tasks: Any, results: Any) -> None:
    with contextlib.suppress(_Stop):
        while (problem := tasks.get()) is not None:
            try:
                results.put((ask(problem), None))
            except _Stop:
                raise
            except BaseException as error:  # SystemExit too: it is the candidate's, and not ours
                results.put((None, error))


def _stop(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))


def arguments(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return the arrays that a problem gives, by name."""
    if isinstance(problem, NetworkProblem):
        return {**problem.params, "X": problem.X, "y": problem.y}
    keywords = {k: v for k, v in problem.kwargs.items() if isinstance(v, np.ndarray)}
    return {**{f"argument {i}": a for i, a in enumerate(problem.args)}, **keywords, "the cotangent": problem.cotangent}


def with_copies(problem: Any) -> Any:
    """Return the problem with copies of its arrays, laid out in memory as they are."""
    if isinstance(problem, NetworkProblem):
        params = {name: copied(a) for name, a in problem.params.items()}
        return replace(problem, params=params, X=copied(problem.X), y=copied(problem.y))
    kwargs = {k: copied(v) if isinstance(v, np.ndarray) else v for k, v in problem.kwargs.items()}
    args = tuple(map(copied, problem.args))
    return replace(problem, args=args, kwargs=kwargs, cotangent=copied(problem.cotangent))


def _arrays(returned: Any, names: Sequence[str]) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return the loss and gradients as arrays by name, and the intermediates that came with them."""
    shape = "(loss, grads)" if names[0] == "loss" else f"(value, ({', '.join(names[1:])}))"
    if not isinstance(returned, tuple | list) or len(returned) not in (2, 3):
        count = f" of {len(returned)}" if isinstance(returned, tuple | list) else ""
        raise _strange(f"it returns a {type(returned).__name__}{count}, expected {shape}")
    first, grads, *rest = returned
    if names[0] == "value" and isinstance(grads, tuple | list):
        if len(grads) != len(names) - 1:
            raise _strange(f"its pullback returns {len(grads)} arrays, expected {', '.join(names[1:])}")
        grads = dict(zip(names[1:], grads))
    if not isinstance(grads, Mapping):
        raise _strange(
            f"its gradients are a {type(grads).__name__}, expected a dict of {', '.join(names[1:])}: "
            "oracle.adapt makes one of lists, tuples and attributes"
        )
    missing = [name for name in names[1:] if grads.get(name) is None]
    if len(missing) == len(names) - 1:
        given = ", ".join(map(repr, list(grads)[:8])) or "none"
        raise _strange(f"its gradients are {given}, expected {', '.join(names[1:])}: oracle.adapt can rename them")
    arrays = {names[0]: _numbers(first, names[0])}
    arrays |= {name: _numbers(grads[name], name) for name in names[1:] if name not in missing}
    intermediates = dict(rest[0]) if rest and isinstance(rest[0], Mapping) else {}
    return arrays, {name: np.array(_numbers(a, name)) for name, a in intermediates.items()}


def _numbers(a: Any, name: str) -> NDArray[Any]:
    if hasattr(a, "detach"):  # a PyTorch tensor
        a = a.detach()
    try:
        array: NDArray[Any] = np.asarray(a)
    except Exception as error:
        raise _strange(f"{name} is a {type(a).__name__} that makes no array: {error}") from error
    if array.dtype.kind not in "fiub":
        kind = type(a).__name__ if array.ndim == 0 else f"array of {array.dtype}"
        raise _strange(f"{name} is a {kind}, expected real numbers")
    return array


def _strange(sentence: str) -> Refusal:
    return Refusal(Breach(sentence, "not-an-answer", ""))


def _breaches(problem: Problem, mine: Problem, arrays: Mapping[str, NDArray[Any]]) -> Iterator[Breach]:
    given = arguments(mine)
    for name, a in arguments(problem).items():
        if not np.array_equal(a, given[name], equal_nan=True):
            yield Breach(f"{name} was written to", "argument-mutated", name)
    for name, a in arrays.items():
        for other, b in given.items():
            if np.may_share_memory(a, b):
                yield Breach(f"{name} shares memory with {other}", "result-aliased", name)
