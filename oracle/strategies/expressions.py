"""Random expressions: directed acyclic graphs of primitives, from one description, for handgrad's graph and for JAX.

A description is a list of steps, each a rule's name, the numbers of the nodes that it is given, and keywords. Nodes are
shared, broadcast and reduced as it comes. While an expression is drawn its values are looked at, so that each rule
meets its domain and nothing overflows; a failing one shrinks to few steps on small arrays of small integers.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import jax
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import handgrad
from oracle import reference
from oracle.reference.recording import Recording, Step
from oracle.strategies.arrays import DTYPES, SEEDS, literal
from oracle.strategies.problem import Problem, Program

__all__ = ["EXPRESSIONS", "SECOND_DERIVATIVES", "ExpressionProblem", "expression_problems", "run_steps"]

#: The names under which they are verified.
EXPRESSIONS, SECOND_DERIVATIVES = "expressions", "second derivatives"

_UNARY = ("negative", "tanh", "exp", "expm1", "log", "log1p", "sqrt", "transpose", "reshape", "broadcast_to")
_REDUCTIONS = ("sum", "mean", "var", "logsumexp")
_PICKS = ("getitem", "scatter")
_BINARY = ("add", "subtract", "multiply", "divide", "power", "where", "matmul", "concatenate")
_SMOOTH = (*_BINARY, *_UNARY, *_REDUCTIONS, *_PICKS)
_KINKED = ("absolute", "max", "maximum", "minimum", "relu")

_LARGEST = 50.0  # larger values are squashed by tanh before they are used again
# Rules, each with numbers that choose its arguments: a list, so that a step can be left out without the others' change.
_CHOICES = st.tuples(*[st.sampled_from(range(60))] * 3)  # 60 can be divided by all small numbers
_STEPS = st.lists(st.tuples(st.sampled_from((*_SMOOTH, *_KINKED)), _CHOICES), min_size=1, max_size=10)
_STEPS_TWICE = st.lists(st.tuples(st.sampled_from(_SMOOTH), _CHOICES), min_size=1, max_size=10)
_SIZES = st.tuples(*[st.integers(1, 3)] * 3)
_SCALES = st.sampled_from(("integers", "ordinary"))


@dataclass(frozen=True)
class ExpressionProblem(Problem):
    """Leaves, and steps of which the last gives the scalar that is differentiated by them."""

    leaves: tuple[NDArray[Any], ...]
    steps: tuple[Step, ...]
    #: For second derivatives: the direction whose inner product with the gradient is differentiated.
    direction: tuple[NDArray[Any], ...] | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name under which it is verified."""
        return EXPRESSIONS if self.direction is None else SECOND_DERIVATIVES

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.leaves[0].dtype

    @property
    def argument_names(self) -> list[str]:
        """The names of the leaves."""
        return [f"x{i}" for i in range(len(self.leaves))]

    def arguments(self) -> dict[str, NDArray[Any]]:
        return dict(zip(self.argument_names, self.leaves))

    def like(self) -> dict[str, NDArray[Any]]:
        return {"value": np.zeros((), self.dtype), **{f"d{name}": a for name, a in self.arguments().items()}}

    def map_arrays(self, f: Callable[[NDArray[Any]], NDArray[Any]]) -> Self:
        return replace(self, leaves=tuple(map(f, self.leaves)))

    def answers(self) -> Mapping[str, Any]:
        def call(rule: str, *args: Any, **kwargs: Any) -> Any:
            return handgrad.graph.apply(handgrad.RULES[rule], *args, **kwargs)

        def along(leaves: Any) -> Any:
            _, grads = handgrad.graph.value_and_grad(f)(leaves)
            return sum(np.sum(d * v) for d, v in zip(grads, self.direction or ()))

        f = functools.partial(run_steps, self.steps, call=call)
        value, grads = handgrad.graph.value_and_grad(f if self.direction is None else along)(self.leaves)
        return self._named(value, grads)

    def program(self) -> Program:
        def call(rule: str, *args: Any, **kwargs: Any) -> Any:
            return reference.RULES[rule](*args, **kwargs)

        def along(leaves: Any) -> Any:
            products = jax.tree.map(lambda d, v: (d * v.astype(float)).sum(), jax.grad(f)(leaves), self.direction)
            return sum(products)

        def value_and_grad(leaves: Any) -> dict[str, Any]:
            return self._named(*jax.value_and_grad(f if self.direction is None else along)(leaves))

        f = functools.partial(run_steps, self.steps, call=call)
        return Program(value_and_grad, (self.leaves,))

    def _named(self, value: Any, grads: Sequence[Any]) -> dict[str, Any]:
        return {"value": value, **{f"d{name}": d for name, d in zip(self.argument_names, grads)}}

    def recording(self) -> Recording | None:
        return Recording({f"d{name}": a for name, a in self.arguments().items()}, self.steps, direction=self.direction)

    def source(self) -> str:
        """Return the expression as a function of its leaves, a line for each step."""
        leaves = self.argument_names
        nodes = [*leaves, *(f"v{k}" for k in range(len(self.steps)))]
        lines = ["import numpy as np", "from handgrad import graph, rules", "", "", f"def f({', '.join(leaves)}):"]
        for k, step in enumerate(self.steps):
            given = [f"rules.{step.rule}", *(nodes[i] for i in step.operands)]
            given += [f"{key}={literal(value)}" for key, value in step.kwargs.items()]
            lines.append(f"    v{k} = graph.apply({', '.join(given)})")
        lines += [f"    return {nodes[-1]}", "", ""]
        every = tuple(range(len(leaves)))
        differentiated = "f"
        if self.direction is not None:
            products = " + ".join(f"np.sum(d[{i}] * {literal(v)})" for i, v in enumerate(self.direction))
            lines += [
                f"def along({', '.join(leaves)}):",
                f"    _, d = graph.value_and_grad(f, argnums={every})({', '.join(leaves)})",
            ]
            lines += [f"    return {products}", "", ""]
            differentiated = "along"
        lines += [f"{name} = {literal(a)}" for name, a in zip(leaves, self.leaves)]
        found = ", ".join(f"d{name}" for name in leaves)
        call = f"graph.value_and_grad({differentiated}, argnums={every})({', '.join(leaves)})"
        return "\n".join([*lines, f"value, ({found},) = {call}"])


def run_steps(steps: Sequence[Step], leaves: Sequence[Any], call: Callable[..., Any]) -> Any:
    """Return the last node; ``call`` is given a rule's name, its arguments and its keywords."""
    nodes = list(leaves)
    for step in steps:
        nodes.append(call(step.rule, *(nodes[i] for i in step.operands), **step.kwargs))
    return nodes[-1]


@st.composite
def expression_problems(draw: st.DrawFn, dtype: Any = None, *, second: bool = False) -> ExpressionProblem:
    """Draw an expression, float32 or float64 unless a dtype is given; a smooth one for second derivatives."""
    dtype = draw(DTYPES) if dtype is None else dtype
    sizes = draw(_SIZES)
    scale = draw(_SCALES)
    rng = np.random.default_rng(draw(SEEDS))
    growing = _Growing(rng)
    for _ in range(draw(st.integers(1, 3))):
        shape = tuple(n if draw(st.booleans()) else 1 for n in sizes)[draw(st.integers(0, 3)) :]
        entries = rng.integers(-2, 3, shape) if scale == "integers" else rng.standard_normal(shape)
        growing.nodes.append(np.asarray(entries, dtype))
    leaves = tuple(growing.nodes)
    for rule, choices in draw(_STEPS_TWICE if second else _STEPS):
        growing.grow(rule, choices)
    growing.end()
    direction = tuple(np.asarray(rng.integers(-2, 3, a.shape), dtype) for a in leaves) if second else None
    return ExpressionProblem(leaves, tuple(growing.steps), direction)


class _Growing:
    """An expression while it grows: the values of its nodes, and how each came about."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.choices: list[int] = []
        self.nodes: list[NDArray[Any]] = []
        self.steps: list[Step] = []

    def choose(self, choices: Sequence[Any]) -> Any:
        """Return one of the choices, the last of which is the simplest."""
        return choices[-1 - self.choices.pop() % len(choices)]

    def add(self, rule: str, *operands: int, **kwargs: Any) -> int:
        """Add a step and return the number of its node."""
        value, _ = handgrad.RULES[rule](*(self.nodes[i] for i in operands), **kwargs)
        self.steps.append(Step(rule, operands, kwargs))
        self.nodes.append(np.asarray(value))
        if np.max(np.abs(value), initial=0) > _LARGEST:
            return self.add("tanh", len(self.nodes) - 1)
        return len(self.nodes) - 1

    def above_0(self, i: int) -> int:
        """Return a node that is e^tanh x: positive, and never far from 1."""
        return self.add("exp", self.add("tanh", i))

    def grow(self, rule: str, choices: Sequence[int]) -> None:
        """Add a rule, on nodes that it can be given, and what brings these into its domain."""
        self.choices = list(choices)
        i = self.choose(range(len(self.nodes)))
        x = self.nodes[i]
        if rule in _REDUCTIONS or rule == "max":
            axis = self.choose([None, *range(-x.ndim, x.ndim)])
            self.add(rule, i, axis=axis, keepdims=self.choose([True, False]))
        elif rule in _PICKS or rule in _BINARY or rule in ("maximum", "minimum"):
            getattr(self, f"grow_{rule}", self.grow_binary)(rule, i)
        elif rule in ("log", "sqrt"):
            self.add(rule, self.above_0(i))
        elif rule == "log1p":
            self.add(rule, self.add("multiply", i, i))
        elif rule in ("exp", "expm1"):
            self.add(rule, self.add("tanh", i))
        elif rule == "transpose":
            self.add(rule, i, axes=self.choose([None, tuple(range(x.ndim))[::-1]]))
        elif rule == "reshape":
            self.add(rule, i, shape=self.choose([(-1,), (1, *x.shape), (*x.shape, 1)]))
        elif rule == "broadcast_to":
            self.add(rule, i, shape=(2, *x.shape) if x.ndim < 3 else x.shape)
        else:
            self.add(rule, i)

    def grow_binary(self, rule: str, i: int) -> None:
        j = self.choose([j for j, y in enumerate(self.nodes) if _broadcast(self.nodes[i], y)])
        if rule == "divide":
            j = self.above_0(j)
        elif rule == "power":
            i, j = self.above_0(i), self.add("tanh", j)
        shape = np.broadcast_shapes(self.nodes[i].shape, self.nodes[j].shape)
        self.add(rule, i, j, **({"condition": self.rng.random(shape) < 0.5} if rule == "where" else {}))

    def grow_matmul(self, rule: str, i: int) -> None:
        x = self.nodes[i]
        if x.ndim == 0:
            i = self.add("reshape", i, shape=(1,))
            x = self.nodes[i]
        fitting = [j for j, y in enumerate(self.nodes) if y.ndim and x.shape[-1] == y.shape[max(-2, -y.ndim)]]
        fitting = [j for j in fitting if _broadcast(x, self.nodes[j], stacks=True)]
        self.add(rule, i, self.choose(fitting) if fitting else self.add("transpose", i, axes=_last_two_swapped(x.ndim)))

    def grow_concatenate(self, rule: str, i: int) -> None:
        if self.nodes[i].ndim == 0:
            i = self.add("reshape", i, shape=(1,))
        alike = [j for j, y in enumerate(self.nodes) if y.shape == self.nodes[i].shape]
        self.add(rule, i, self.choose(alike), axis=self.choose(range(self.nodes[i].ndim)))

    def grow_getitem(self, rule: str, i: int) -> None:
        if self.nodes[i].ndim == 0:
            i = self.add("reshape", i, shape=(1,))
        n = len(self.nodes[i])
        picks = [0, -1, slice(None, None, -1), (..., slice(0, 1)), (None, 0), self.rng.integers(0, n, 3)]
        self.add(rule, i, index=self.choose(picks))

    def grow_scatter(self, rule: str, i: int) -> None:
        if self.nodes[i].ndim == 0:
            i = self.add("reshape", i, shape=(1,))
        x = self.nodes[i]
        self.add(rule, i, index=self.rng.integers(0, 3, len(x)), shape=(3, *x.shape[1:]))

    def end(self) -> None:
        """Add up all that has not been used."""
        used = {i for step in self.steps for i in step.operands}
        ends = [self.add("sum", i) for i in range(len(self.nodes)) if i not in used]
        total = ends[0]
        for i in ends[1:]:
            total = self.add("add", total, i)
        if total != len(self.nodes) - 1:
            self.add("sum", total)


def _broadcast(x: NDArray[Any], y: NDArray[Any], *, stacks: bool = False) -> bool:
    """Return True if two shapes broadcast; of stacks of matrices, the leading axes."""
    shapes = (x.shape[:-2], y.shape[:-2]) if stacks else (x.shape, y.shape)
    return all(1 in pair or len(set(pair)) == 1 for pair in zip(*(s[::-1] for s in shapes)))


def _last_two_swapped(ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if ndim < 2 else (*range(ndim - 2), ndim - 1, ndim - 2)
