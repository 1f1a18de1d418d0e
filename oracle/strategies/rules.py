"""Problems for rules: arguments, keywords and a cotangent."""

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
from oracle.reference.annotations import (
    DOMAINS,
    ArraySpec,
    Choices,
    argument_names,
    array_specs,
    keyword_specs,
    value_dims,
)
from oracle.reference.recording import Recording, Step
from oracle.strategies.arrays import DTYPES, SCALES, SEEDS, draw_sizes, entries, laid_out, literal
from oracle.strategies.padding import pad, padded_size
from oracle.strategies.problem import CheckedProblem, Keyed, Program, call_source, nudge, shown_source

__all__ = ["RuleProblem", "problems_like", "rule_problems"]

_SCALES = st.sampled_from((*SCALES, "ten thousands", "tails"))
_COTANGENT_SCALES = st.sampled_from(("integers", "ordinary", "tens"))
_EXAMPLE_SCALES = st.sampled_from(("integers", "ordinary", "small", "tens"))
_LAYOUTS = st.sampled_from(("C", "mixed"))
_COUNTS = st.sampled_from((2, 1, 3))


@dataclass(frozen=True)
class RuleProblem(CheckedProblem):
    """Arguments for a rule and a cotangent for its pullback."""

    name: str
    args: tuple[NDArray[Any], ...]
    kwargs: dict[str, Any]
    cotangent: NDArray[Any]
    #: A function in JAX to check against, instead of the rule's reference.
    truth: Callable[..., Any] | None = None

    @property
    def argument_names(self) -> list[str]:
        """The names of the arguments that are differentiated."""
        if self.truth is None:
            return argument_names(reference.RULES[self.name], len(self.args))
        return [f"x{i}" for i in range(len(self.args))]

    @property
    def cotangent_names(self) -> list[str]:
        """The names of the cotangents that the pullback returns."""
        return [f"d{name}" for name in self.argument_names]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.args[0].dtype

    def arguments(self) -> dict[str, NDArray[Any]]:
        keywords = {k: v for k, v in self.kwargs.items() if isinstance(v, np.ndarray)}
        return {**dict(zip(self.argument_names, self.args)), **keywords, "the cotangent": self.cotangent}

    def like(self) -> dict[str, NDArray[Any]]:
        return {"value": self.cotangent, **dict(zip(self.cotangent_names, self.args))}

    def map_arrays(self, f: Callable[[NDArray[Any]], NDArray[Any]]) -> Self:
        kwargs = {k: f(v) if isinstance(v, np.ndarray) else v for k, v in self.kwargs.items()}
        return replace(self, args=tuple(map(f, self.args)), kwargs=kwargs, cotangent=f(self.cotangent))

    def call(self, candidate: Callable[..., Any]) -> Any:
        value, backward = candidate(*self.args, **self.kwargs)
        return value, backward(self.cotangent)

    def answers(self) -> Mapping[str, Any]:
        value, cotangents = self.call(handgrad.RULES[self.name])
        return {"value": value, **dict(zip(self.cotangent_names, cotangents))}

    def program(self) -> Program:
        f = self.truth or reference.RULES[self.name]
        args, kwargs, cotangent = self.args, self.kwargs, self.cotangent
        fixed: dict[str, Any] = {}  # what shapes depend on cannot be traced
        padded = self.truth is None and value_dims(f) is not None
        if padded:
            size = padded_size((*args, cotangent))
            args = tuple(pad(a, size, spec) for a, spec in zip(args, array_specs(f).values()))
            kwargs = {k: pad(v, size) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
            if "where" in f.__annotations__:
                kwargs["where"] = np.arange(size) < self.args[0].shape[0]
            cotangent = pad(cotangent, size)
        elif self.truth is None:
            fixed = {k: v for k, v in kwargs.items() if not isinstance(v, np.ndarray)}
            kwargs = {k: v for k, v in kwargs.items() if k not in fixed}
        names = self.cotangent_names

        def vjp(args: Any, kwargs: Any, cotangent: Any) -> dict[str, Any]:
            value, backward = jax.vjp(lambda *a: f(*a, **kwargs, **fixed), *args)
            return {"value": value, **dict(zip(names, backward(cotangent)))}

        return Program(vjp, (args, kwargs, cotangent), ("rule", f, repr(fixed)), padded)

    def recording(self) -> Recording | None:
        if self.truth is not None:
            return None
        step = Step(self.name, tuple(range(len(self.args))), self.kwargs)
        return Recording(dict(zip(self.cotangent_names, self.args)), [step], self.cotangent)

    @property
    def can_be_written(self) -> bool:
        return all(a.flags.writeable for a in (*self.args, self.cotangent))

    def rescaled(self) -> Self:
        return replace(self, args=tuple(np.asarray(a / 2, a.dtype) for a in self.args))  # still in the domain

    def nudged(self, rng: np.random.Generator) -> Self:
        return replace(self, args=tuple(nudge(a, rng) for a in self.args))

    def source(self) -> str:
        names, cotangents = self.argument_names, self.cotangent_names
        return "\n".join(
            [
                *("import numpy as np", f"from handgrad.rules import {self.name}", ""),
                *(f"{name} = {literal(a)}" for name, a in zip(names, self.args)),
                f"dvalue = {literal(self.cotangent)}",
                f"value, backward = {self.name}({self._arguments_source(names)})",
                f"{', '.join(cotangents)}{',' if len(cotangents) == 1 else ''} = backward(dvalue)",
            ]
        )

    def reproduction(self, candidate: Any, worst: Any) -> str:
        lines, called = call_source(candidate)
        names = [f"x{i}" for i in range(len(self.args))]
        lines += [f"{name} = {literal(a)}" for name, a in zip(names, self.args)]
        lines.append(f"value, backward = {called}({self._arguments_source(names)})")
        lines.append(f"grads = backward({literal(self.cotangent)})")
        position = self.cotangent_names.index(worst.name) if worst and worst.name != "value" else 0
        shown = "value" if worst and worst.name == "value" else f"grads[{position}]"
        return "\n".join([*lines, shown_source(shown, worst)])

    def _arguments_source(self, names: Sequence[str]) -> str:
        return ", ".join([*names, *(f"{k}={literal(v)}" for k, v in self.kwargs.items())])


@st.composite
def rule_problems(draw: st.DrawFn, name: str, dtype: Any = None, *, large: bool = False) -> RuleProblem:
    """Draw a problem for a rule, float32 or float64 unless a dtype is given, and at times one that is ``large``."""
    dtype = draw(DTYPES) if dtype is None else dtype
    f = reference.RULES[name]
    sizes = draw_sizes(draw, _dims(f), large=large)
    scale = draw(_SCALES)
    layout = draw(_LAYOUTS)
    rng = np.random.default_rng(draw(SEEDS))

    def array(spec: ArraySpec) -> NDArray[Any]:
        return laid_out(DOMAINS[spec.domain](entries(rng, _shape(draw, spec, sizes), scale)), dtype, rng, layout)

    args: list[NDArray[Any]] = []
    for argument, spec in array_specs(f).items():
        args += [array(spec) for _ in range(draw(_COUNTS) if argument[0] == "*" else 1)]
    kwargs: dict[str, Any] = {}
    for keyword, takes in keyword_specs(f).items():
        if isinstance(takes, Choices):
            value = draw(_choices(f, keyword))
            kwargs[keyword] = float(dtype(value)) if isinstance(value, float) else value
        elif takes.domain in DOMAINS:
            kwargs[keyword] = array(takes)
        else:
            shape = _shape(draw, takes, sizes)
            kwargs[keyword] = shape if takes.domain == "sizes" else discrete(rng, takes, shape, sizes)
    cotangent = entries(rng, _value_shape(f, args, kwargs, sizes), draw(_COTANGENT_SCALES))
    return RuleProblem(name, tuple(args), kwargs, laid_out(cotangent, dtype, rng, layout))


def discrete(
    rng: np.random.Generator, spec: ArraySpec, shape: tuple[int, ...], sizes: Mapping[str, int]
) -> NDArray[Any]:
    """Return random booleans, or integers below a dimension."""
    return rng.integers(0, sizes[spec.bound], shape) if spec.bound else np.asarray(rng.random(shape) < 0.5)


@st.composite
def problems_like(
    draw: st.DrawFn, name: str, truth: Any, arguments: Any, keywords: Any, value_shape: tuple[int, ...]
) -> RuleProblem:
    """Draw a problem for a function in JAX, of the shapes and dtypes of the examples of its arguments."""
    scale = draw(_EXAMPLE_SCALES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def array(example: Any) -> NDArray[Any]:
        example = np.asarray(example, None if np.asarray(example).dtype.kind == "f" else float)
        return entries(rng, example.shape, scale).astype(example.dtype)

    args = tuple(map(array, arguments))
    return RuleProblem(name, args, dict(keywords), rng.standard_normal(value_shape).astype(args[0].dtype), truth)


@functools.cache
def _dims(f: Callable[..., Any]) -> list[str]:
    """Return the dimensions that have to be drawn."""
    specs = (spec for spec in (*array_specs(f).values(), *keyword_specs(f).values()) if isinstance(spec, ArraySpec))
    return sorted({d for spec in specs for d in spec.dims}.union(value_dims(f) or ()))


@functools.cache
def _choices(f: Callable[..., Any], keyword: str) -> st.SearchStrategy[Any]:
    takes = keyword_specs(f)[keyword]
    assert isinstance(takes, Choices)
    return st.sampled_from(takes.values)


@functools.cache
def _choice_of_shape(count: int) -> st.SearchStrategy[int]:
    return st.sampled_from(range(count))


def _shape(draw: st.DrawFn, spec: ArraySpec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return spec.shape(sizes, draw(_choice_of_shape(len(spec.shapes))) if len(spec.shapes) > 1 else 0)


def _value_shape(
    f: Callable[..., Any], args: Sequence[NDArray[Any]], kwargs: dict[str, Any], sizes: Mapping[str, int]
) -> tuple[int, ...]:
    """Return the shape of a rule's value: as its reference says, or as JAX finds it."""
    dims = value_dims(f)
    if dims is not None:
        return tuple(sizes[d] for d in dims)
    shapes = repr({k: getattr(v, "shape", v) for k, v in kwargs.items()})
    return _evaluated_shape(Keyed((f, tuple(a.shape for a in args), shapes), (functools.partial(f, **kwargs), args)))


@functools.lru_cache(4096)
def _evaluated_shape(call: Keyed) -> tuple[int, ...]:
    f, args = call.value
    shape: tuple[int, ...] = jax.eval_shape(f, *args).shape
    return shape
