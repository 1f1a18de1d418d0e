"""Calls a user's code: on copies of the arguments, within a time limit, its output caught."""

import contextlib
import contextvars
import ctypes
import io
import queue
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.candidates.contract import Violation
from oracle.reference.tree import tree_leaves
from oracle.strategies.problem import CheckedProblem

__all__ = ["Answer", "NoAnswer", "Sandbox", "arrays_in"]


class NoAnswer(Exception):
    """The candidate raised, hung, or returned something that cannot be compared."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


class _Timeout(BaseException):
    """Ends a candidate that takes too long; no ``except Exception`` holds it up."""


@dataclass(frozen=True)
class Answer:
    """The arrays that a candidate returned, by name, its intermediates, and the promises broken by the call."""

    arrays: dict[str, NDArray[Any]]
    intermediates: dict[str, NDArray[Any]] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()


class Sandbox:
    """Calls a candidate on one problem after another, in a thread that is abandoned if it hangs."""

    def __init__(self, candidate: Callable[..., Any], *, time_limit: float) -> None:
        self.candidate, self.time_limit = candidate, time_limit
        #: The number of characters printed.
        self.printed = 0
        self._thread: threading.Thread | None = None

    def __call__(self, problem: CheckedProblem) -> Answer:
        """Return the candidate's answer to a problem; raise :class:`NoAnswer` if it has none."""
        copy = problem.copy()
        arrays, intermediates = arrays_in(self._call(copy), list(problem.like()))
        return Answer(arrays, intermediates, tuple(_violations(problem, copy, arrays)))

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._tasks.put(None)

    def _call(self, problem: CheckedProblem) -> Any:
        if self._thread is None:
            self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
            context = contextvars.copy_context()  # the caller's np.errstate, for one
            work = (self.candidate, self._tasks, self._results)
            self._thread = threading.Thread(target=context.run, args=(_worker_loop, *work), daemon=True)
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
            except BaseException as error:  # an interruption too: the thread's late answer is discarded
                _stop(self._thread)
                self._thread = None
                if not isinstance(error, queue.Empty):
                    raise
                sentence = f"it did not return within {self.time_limit:g} seconds"
                raise NoAnswer(Violation(sentence, "hangs", "")) from None
            finally:
                self.printed += output.size
        if error is not None:
            text = str(error).strip().partition("\n")[0][:200]
            sentence = f"it raises {type(error).__name__}{': ' if text else ''}{text}"
            raise NoAnswer(Violation(sentence, "raises", "")) from error
        return returned


class _Output(io.TextIOBase):
    """Counts the characters printed and discards them."""

    size = 0

    def write(self, text: str) -> int:
        self.size += len(text)
        return len(text)


def _worker_loop(candidate: Callable[..., Any], tasks: Any, results: Any) -> None:
    with contextlib.suppress(_Timeout):
        while (problem := tasks.get()) is not None:
            try:
                results.put((problem.call(candidate), None))
            except _Timeout:
                raise
            except BaseException as error:  # SystemExit too: the candidate raises it, not we
                results.put((None, error))


def _stop(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Timeout))


def arrays_in(returned: Any, names: Sequence[str]) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return the loss and gradients as arrays by name, and the intermediates that came with them."""
    shape = "(loss, grads)" if names[0] == "loss" else f"(value, ({', '.join(names[1:])}))"
    if not isinstance(returned, tuple | list) or len(returned) not in (2, 3):
        count = f" of {len(returned)}" if isinstance(returned, tuple | list) else ""
        raise _not_an_answer(f"it returns a {type(returned).__name__}{count}, expected {shape}")
    first, grads, *rest = returned
    if names[0] == "value" and isinstance(grads, tuple | list):
        if len(grads) != len(names) - 1:
            raise _not_an_answer(f"its pullback returns {len(grads)} arrays, expected {', '.join(names[1:])}")
        grads = dict(zip(names[1:], grads))
    if not isinstance(grads, Mapping):
        raise _not_an_answer(
            f"its gradients are a {type(grads).__name__}, expected a dict of {', '.join(names[1:])}: "
            "oracle.adapt makes one of lists, tuples and attributes"
        )
    if any("." in name for name in names):  # the paths of a pytree's leaves
        grads = tree_leaves(grads)
    missing = [name for name in names[1:] if grads.get(name) is None]
    if len(missing) == len(names) - 1:
        given = ", ".join(map(repr, list(grads)[:8])) or "none"
        raise _not_an_answer(
            f"its gradients are {given}, expected {', '.join(names[1:])}: oracle.adapt can rename them"
        )
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
        raise _not_an_answer(f"{name} is a {type(a).__name__} that makes no array: {error}") from error
    if array.dtype.kind not in "fiub":
        kind = type(a).__name__ if array.ndim == 0 else f"array of {array.dtype}"
        raise _not_an_answer(f"{name} is a {kind}, expected real numbers")
    return array


def _not_an_answer(sentence: str) -> NoAnswer:
    return NoAnswer(Violation(sentence, "not-an-answer", ""))


def _violations(
    problem: CheckedProblem, copy: CheckedProblem, arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Violation]:
    given = copy.arguments()
    for name, a in problem.arguments().items():
        if not np.array_equal(a, given[name], equal_nan=True):
            yield Violation(f"{name} was written to", "argument-mutated", name)
    for name, a in arrays.items():
        for other, b in given.items():
            if np.may_share_memory(a, b):
                yield Violation(f"{name} shares memory with {other}", "result-aliased", name)
