"""Accuracy: the digits that handgrad, ``jax.grad`` and PyTorch's autograd get right, against exact arithmetic.

An error is counted in units in the last place of the exact answer and divided by the condition number of that very
entry: by how much more than its share the answer moves when everything that goes in is rounded. No program can be
expected to do much better than 1; one that loses digits to its own formula is at 1e3 or at 1e15.
"""

import functools
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import mpmath
import numpy as np
from numpy.typing import NDArray

from oracle import reference
from oracle.gradients import exact
from oracle.reference.annotations import (
    DOMAINS,
    ArraySpec,
    Choices,
    array_specs,
    data_specs,
    keyword_specs,
    param_specs,
    value_dims,
)
from oracle.reference.exact_forms import elementwise, numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.tree import tree_leaves, tree_map
from oracle.strategies.networks import NetworkProblem
from oracle.strategies.padding import unpad
from oracle.strategies.problem import CheckedProblem as Problem
from oracle.strategies.problem import Keyed
from oracle.strategies.rules import RuleProblem

__all__ = ["MAX_ULPS", "SYSTEMS", "Accuracy", "measure", "problems"]

#: Units in the last place, times the condition number, that handgrad may be off: a formula is a handful of operations,
#: each good to half a unit, or to two for an ``exp``.
MAX_ULPS = 8

#: The sweep: sizes of an activation's argument, of a rule's entries, of a network's weights.
MAGNITUDES = np.logspace(-8, 4, 13)
_SEEDS = 3
#: The sizes of the dimensions that are not 3.
SIZES = {"B": 2, "N": 2, "M": 1}
#: The rules of which each entry of the value depends on one entry of the argument.
_ELEMENTWISE = {name for name, rule in reference.RULES.items() if isinstance(exact_form_of(rule), elementwise)}
_STEP = mpmath.mpf(10) ** -25  # relative; far above the 60 digits' own rounding, far below any curvature that counts


#: Answers a problem: the value and the gradients by name; or None, if it has no such rule.
System = Callable[[Problem], Mapping[str, Any] | None]


@dataclass
class Accuracy:
    """The worst errors of one system on one rule or network, in units in the last place times the condition number."""

    value: float = 0.0
    gradient: float = 0.0
    #: The gradient's largest relative error, whatever its condition.
    relative: float = 0.0

    def loses_to(self, other: "Accuracy") -> bool:
        """Return True if the gradient is worse than another system's by more than rounding, one unit."""
        return self.gradient > max(1.0, other.gradient)


def measure(name: str, dtype: Any, systems: Mapping[str, System]) -> dict[str, Accuracy]:
    """Return the accuracy of each system on the rule or network ``name``, in float32 or float64.

    A system that does not know it, and answers None, is left out.
    """
    found = {system: Accuracy() for system in systems}
    for problem in problems(name, dtype):
        truth, condition = _truth(problem)
        for system, answer in systems.items():
            given = answer(problem)
            if given is None:
                found.pop(system, None)
                continue
            worst = found[system]
            for key, expected in truth.items():
                relative = _relative_error(np.asarray(given[key]), expected, dtype)
                scaled = float(np.max(relative / condition[key], initial=0)) / float(np.finfo(dtype).eps)
                if key in ("value", "loss"):
                    worst.value = max(worst.value, scaled)
                else:
                    worst.gradient = max(worst.gradient, scaled)
                    worst.relative = max(worst.relative, float(np.max(relative, initial=0)))
    return found


def problems(name: str, dtype: Any) -> Iterator[Problem]:
    """Yield the problems of the sweep, all of one shape; every magnitude occurs with both signs."""
    if name in _ELEMENTWISE:
        (spec,) = array_specs(reference.RULES[name]).values()
        z = np.logspace(-8, 4, 200)
        z = np.asarray(DOMAINS[spec.domain](np.array([-z, z], dtype)), dtype)
        yield RuleProblem(name, (z,), {}, np.ones((2, 200), dtype))
        return
    rng = np.random.default_rng(0)

    def entries(shape: tuple[int, ...], scale: float = 1.0) -> NDArray[Any]:
        return np.asarray(scale * rng.standard_normal(shape), dtype)

    draw = _network if name in reference.NETWORKS else _rule
    # a value without dimensions in the annotations: many entries in each problem, so fewer problems
    seeds = _SEEDS if name in reference.NETWORKS or value_dims(reference.RULES[name]) is not None else 1
    for magnitude in np.repeat(MAGNITUDES, seeds):
        yield draw(name, entries, rng, magnitude)


def _rule(name: str, entries: Callable[..., NDArray[Any]], rng: np.random.Generator, magnitude: float) -> RuleProblem:
    """Return a problem of the first shapes and keywords in the annotations, the first argument of a magnitude."""
    f = reference.RULES[name]
    sizes = {d: SIZES.get(d, 3) for spec in (*array_specs(f).values(), *_array_keywords(f)) for d in spec.dims}
    all_scaled = value_dims(f) is None
    args = tuple(
        np.asarray(DOMAINS[spec.domain](entries(spec.shape(sizes), magnitude if all_scaled or i == 0 else 1.0)))
        for i, spec in enumerate(array_specs(f).values())
    )
    args = tuple(a.astype(entries(()).dtype) for a in args)
    kwargs = {k: _keyword(takes, entries, rng, sizes) for k, takes in keyword_specs(f).items()}
    value = jax.eval_shape(functools.partial(f, **kwargs), *args)
    return RuleProblem(name, args, kwargs, entries(value.shape))


def _array_keywords(f: Callable[..., Any]) -> list[ArraySpec]:
    return [spec for spec in keyword_specs(f).values() if isinstance(spec, ArraySpec)]


def _keyword(
    takes: Choices | ArraySpec, entries: Callable[..., NDArray[Any]], rng: np.random.Generator, sizes: Mapping[str, int]
) -> Any:
    if isinstance(takes, Choices):
        return _choice(takes)
    shape = takes.shape(sizes)
    if takes.domain == "sizes":
        return shape
    if takes.bound:
        return rng.integers(0, sizes[takes.bound], shape)
    return entries(shape) > 0 if takes.domain == "booleans" else DOMAINS[takes.domain](entries(shape))


def _choice(takes: Choices) -> Any:
    """Return the first choice that is neither 0.0 nor empty."""
    return next(value for value in takes.values if not isinstance(value, float | tuple) or value)


def _network(
    name: str, entries: Callable[..., NDArray[Any]], rng: np.random.Generator, magnitude: float
) -> NetworkProblem:
    """Return a problem with all dimensions 3 but the batch's, the weights of a magnitude."""
    loss = reference.NETWORKS[name].loss
    kwargs = {k: _choice(takes) for k, takes in keyword_specs(loss).items() if isinstance(takes, Choices)}
    specs, data = param_specs(loss, **kwargs), data_specs(loss)
    arrays = [spec for spec in (*tree_leaves(specs).values(), *data.values()) if isinstance(spec, ArraySpec)]
    sizes = {d: SIZES.get(d, 3) for spec in arrays for d in spec.dims}

    def parameter(spec: ArraySpec) -> NDArray[Any]:
        shape = spec.shape(sizes)
        return np.asarray(DOMAINS[spec.domain](entries(shape, magnitude if len(shape) > 1 else 1.0)))

    params = tree_map(parameter, specs)
    X, y = (_keyword(data[argument], entries, rng, sizes) for argument in ("X", "y"))
    return NetworkProblem(name, params, X, y, 0.5, kwargs)


def _truth(problem: Problem) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return the exact answers and the condition number of each of their entries.

    The condition number is Σ |v ∂a/∂v| / |a| over every number v that goes into the answer a, and at least 1. For a
    network the weight 1/N of each example is such a number: it stands for the rounding of that example's gradient.
    """
    truth = exact.answers(problem)
    moved = {name: abs(a) * 0 for name, a in truth.items()}
    for other in _nudged(problem):
        for name, a in exact.answers(other).items():
            moved[name] = moved[name] + abs(a - truth[name]) / _STEP
    for alone in problem.examples():
        for name, a in exact.answers(alone).items():
            moved[name] = moved[name] + abs(a) / len(problem.examples())
    return truth, {name: _condition(moved[name], a) for name, a in truth.items()}


def _nudged(problem: Problem) -> Iterator[Problem]:
    """Yield the problem with one of the numbers in it a little larger: each in turn, or an activation's all."""
    if problem.name in _ELEMENTWISE:
        yield problem.map_arrays(functools.partial(_larger_if, next(iter(problem.arguments().values())), ...))
        return
    for name, a in problem.arguments().items():
        if a.dtype.kind == "f" and not (name == "the cotangent" and _is_scalar(problem.name)):
            for index in np.ndindex(a.shape):
                yield problem.map_arrays(functools.partial(_larger_if, a, index))


def _is_scalar(rule: str) -> bool:
    """Return True if a rule's value is always a number, whose cotangent is a factor of all."""
    return value_dims(reference.RULES[rule]) == ()


def _larger_if(this: NDArray[Any], index: Any, a: NDArray[Any]) -> NDArray[Any]:
    """Return an array with an entry a little larger, if it is this one."""
    if a is not this:
        return a
    with mpmath.workdps(exact.DIGITS):
        wide: NDArray[Any] = np.asarray(numbers(a), object)
        wide[index] = wide[index] * (1 + _STEP)
    return wide


def _condition(moved: NDArray[Any], answer: NDArray[Any]) -> NDArray[np.float64]:
    pairs = zip(np.ravel(moved), answer.ravel())
    return np.reshape([max(1.0, float(m / abs(a))) if a else 1.0 for m, a in pairs], answer.shape)


def _relative_error(given: NDArray[Any], expected: NDArray[Any], dtype: Any) -> NDArray[np.float64]:
    """Return |given − expected| / |expected|; below the smallest normal number the format itself loses the digits."""
    tiny = float(np.finfo(dtype).tiny)
    error, size = exact.error(given, expected), np.asarray(np.abs(expected), float)
    relative = np.divide(error, size, out=np.full(size.shape, np.inf), where=size > 0)
    return np.where((error == 0) | ((size < tiny) & (error <= tiny)), 0.0, relative)


def _by_jax(problem: Problem) -> Mapping[str, Any]:
    """Return JAX's answers in the problem's own dtype."""
    program = problem.program()
    found = _jitted(Keyed(program.key, program.f))(*program.args)
    return {name: unpad(found[name], a) for name, a in problem.like().items()}


@functools.lru_cache(256)
def _jitted(program: Keyed) -> Callable[..., Any]:
    return jax.jit(program.value)


def _by_torch(problem: Problem) -> Mapping[str, Any] | None:
    import torch
    from torch.nn import functional as F

    activations: dict[str, Callable[..., Any]] = {
        "identity": lambda z: z,
        "relu": F.relu,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "selu": F.selu,
        "sigmoid": F.sigmoid,
        "tanh": F.tanh,
        "softplus": F.softplus,
        "log_sigmoid": F.logsigmoid,
        "silu": F.silu,
        "mish": F.mish,
        "softsign": F.softsign,
        "hard_tanh": F.hardtanh,
        "gelu": functools.partial(F.gelu, approximate="tanh"),
    }
    rules: dict[str, Callable[..., Any]] = activations | {
        "affine": lambda x, W, b: x @ W + b,
        "softmax_cross_entropy": lambda scores, labels: F.cross_entropy(scores, torch.tensor(labels)),
        "l2": lambda W, reg: reg / 2 * (W**2).sum(),
        "add": torch.add,
        "subtract": torch.sub,
        "multiply": torch.mul,
        "divide": torch.div,
        "power": torch.pow,
        "maximum": torch.maximum,
        "minimum": torch.minimum,
        "where": lambda x, y, condition: torch.where(torch.tensor(condition), x, y),
        "negative": torch.neg,
        "exp": torch.exp,
        "expm1": torch.expm1,
        "log": torch.log,
        "log1p": torch.log1p,
        "sqrt": torch.sqrt,
        "absolute": torch.abs,
        "matmul": torch.matmul,
        "sum": lambda x, **_: x.sum(),
        "mean": lambda x, **_: x.mean(),
        "max": lambda x, **_: x.amax(),
        "logsumexp": lambda x, **_: x.flatten().logsumexp(0),
        "var": lambda x, correction, **_: x.var(correction=correction),
        "reshape": lambda x, shape: x.reshape(shape),
        "transpose": lambda x, axes: x.permute(*range(x.ndim)[::-1]),
        "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
        "concatenate": lambda *arrays, axis: torch.cat(arrays, axis),
        "getitem": lambda x, index: x[index],
        "scatter": lambda x, index, shape: torch.zeros(shape, dtype=x.dtype).index_add(
            0, torch.tensor(index % shape[0]), x
        ),
    }
    recording = problem.recording()
    if recording is None or any(step.rule not in rules for step in recording.steps):
        return None
    inputs = [torch.tensor(a, requires_grad=True) for a in recording.leaves.values()]
    nodes = list(inputs)
    for step in recording.steps:
        nodes.append(rules[step.rule](*(nodes[i] for i in step.operands), **step.kwargs))
    cotangent = torch.tensor(np.asarray(recording.cotangent, problem.dtype))
    value, grads = nodes[-1], torch.autograd.grad(nodes[-1], inputs, cotangent)
    return dict(zip(problem.like(), [value.detach().numpy(), *(a.numpy() for a in grads)]))


#: The systems measured; PyTorch only where it is installed.
SYSTEMS: dict[str, System] = {"handgrad": lambda problem: problem.answers(), "jax.grad": _by_jax}
if importlib.util.find_spec("torch"):
    SYSTEMS["torch"] = _by_torch
