"""Record a program of reference rules as steps, which arithmetic other than JAX's can run."""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from oracle.reference.tree import tree_leaves, tree_map

__all__ = ["Recorded", "Recording", "Step", "exact_form", "exact_form_of", "record"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Step:
    """One operation: a rule, its operands (the numbers of nodes, or constant arrays), and its keywords."""

    rule: str
    operands: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recording:
    """A program in steps: nodes are numbered, first the leaves, then the value of each step, the last the program's."""

    leaves: dict[str, Any]
    steps: Sequence[Step]
    #: The cotangent of the value.
    cotangent: Any = 1.0
    #: For second derivatives: the direction whose inner product with the gradient is differentiated.
    direction: Sequence[Any] | None = None


@dataclass(frozen=True)
class Recorded:
    """Stands for the node of this number while a program is recorded."""

    steps: list[Step]
    leaves: int
    number: int
    ndim: int = 0

    def __add__(self, other: Any) -> "Recorded":
        return self.apply("add", (self, other), {})

    def apply(self, rule: str, args: Sequence[Any], kwargs: dict[str, Any]) -> "Recorded":
        """Record a rule of nodes and constants, and return its node."""
        operands = tuple(a.number if isinstance(a, Recorded) else np.asarray(a, float) for a in args)
        self.steps.append(Step(rule, operands, {key: value for key, value in kwargs.items() if value is not None}))
        return Recorded(self.steps, self.leaves, self.leaves + len(self.steps) - 1)


def exact_form_of(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the exact form that stands beside a reference rule."""
    form: Callable[..., Any] = rule.exact  # type: ignore[attr-defined]
    return form


def record(program: Callable[..., Any], *args: Any) -> list[Step]:
    """Return the steps of ``program(*args)``, a composition of reference rules of the leaves of ``args``."""
    steps: list[Step] = []
    count, numbers = len(tree_leaves(args)), itertools.count()
    program(*tree_map(lambda a: Recorded(steps, count, next(numbers), np.ndim(a)), args))
    return steps


def exact_form(form: Callable[..., Any]) -> Callable[[F], F]:
    """Return a decorator that gives a reference rule its form in exact arithmetic, ``value, backward = form(x)``.

    The decorated rule has the form as its attribute ``exact``, and is recorded where an argument is.
    """

    def decorate(rule: F) -> F:
        @functools.wraps(rule)
        def reference(*args: Any, **kwargs: Any) -> Any:
            node = next((a for a in args if isinstance(a, Recorded)), None)
            return rule(*args, **kwargs) if node is None else node.apply(rule.__name__, args, kwargs)

        reference.exact = form  # type: ignore[attr-defined]
        return cast(F, reference)

    return decorate
