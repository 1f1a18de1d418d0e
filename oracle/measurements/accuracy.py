"""How many digits are right: handgrad, ``jax.grad`` and PyTorch's autograd, each beside exact arithmetic.

An error is counted in units in the last place of the exact answer and divided by the condition number of that very
entry: by how much more than its share the answer moves when everything that goes in is rounded. No program can be
expected to do much better than 1; one that loses digits to its own formula is at 1e3 or at 1e15.
"""

import functools
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import mpmath
import numpy as np
from numpy.typing import NDArray

from handgrad.rules import PRIMITIVES
from oracle import reference
from oracle.checks.verification import answers
from oracle.gradients import exact
from oracle.reference.annotations import Among, Operand, keywords_of, operands_of
from oracle.strategies.problems import DOMAINS, NetworkProblem, RuleProblem

Problem = RuleProblem | NetworkProblem

__all__ = ["BAR", "SYSTEMS", "Accuracy", "measure", "problems"]

#: Units in the last place, times the condition number, that handgrad may be off: a formula is a handful of operations,
#: each good to half a unit, or to two for an ``exp``.
BAR = 8

#: What is swept. Each is the size of an activation's argument, of a rule's entries, of a network's weights.
MAGNITUDES = np.logspace(-8, 4, 13)
_SEEDS = 3
_ENTRY_BY_ENTRY = (*exact.ACTIVATIONS, *exact.FUNCTIONS)  # each entry of the value depends on one of the argument
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
        """Whether the gradient is worse than another system's; within one unit there is nothing to lose or win."""
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
    if name in _ENTRY_BY_ENTRY:
        (operand,) = operands_of(reference.RULES[name]).values()
        z = np.logspace(-8, 4, 200)
        z = np.asarray(DOMAINS[operand.domain](np.array([-z, z], dtype)), dtype)
        yield RuleProblem(name, (z,), {}, np.ones((2, 200), dtype))
        return
    rng = np.random.default_rng(0)

    def entries(shape: tuple[int, ...], scale: float = 1.0) -> NDArray[Any]:
        return (scale * rng.standard_normal(shape)).astype(dtype)

    for magnitude in np.repeat(MAGNITUDES, 1 if name in PRIMITIVES else _SEEDS):
        if name in PRIMITIVES:
            yield _primitive(name, entries, magnitude)
        elif name == "affine":
            yield RuleProblem(name, (entries((2, 3), magnitude), entries((3, 2)), entries((2,))), {}, entries((2, 2)))
        elif name == "l2":
            yield RuleProblem(name, (entries((2, 3), magnitude),), {"reg": 0.5}, entries(()))
        elif name == "softmax_cross_entropy":
            yield RuleProblem(name, (entries((2, 3), magnitude),), {"labels": rng.integers(0, 3, 2)}, entries(()))
        else:
            depth = {"softmax_classifier": 1, "two_layer": 2}.get(name, 3)
            params: dict[str, NDArray[Any]] = {}
            for i in range(1, depth + 1):
                params |= {f"W{i}": entries((3, 3), magnitude), f"b{i}": entries((3,))}
            kwargs = {"activation": ("tanh", "silu")} if name == "mlp" else {}
            yield NetworkProblem(name, params, entries((2, 3)), rng.integers(0, 3, 2), 0.5, kwargs)


def _primitive(name: str, entries: Callable[..., NDArray[Any]], magnitude: float) -> RuleProblem:
    """Return a problem of the first shapes and keywords that the twin's annotations offer."""
    twin = reference.RULES[name]
    sizes = {"B": 2, "N": 2, "M": 1, "D": 3, "H": 3}

    def shape(operand: Operand) -> tuple[int, ...]:
        return tuple(sizes.get(d) or int(d) for d in operand.shapes[0])

    operands = operands_of(twin).values()
    args = [DOMAINS[operand.domain](entries(shape(operand), magnitude)) for operand in operands]
    kwargs: dict[str, Any] = {}
    for keyword, choice in keywords_of(twin).items():
        if isinstance(choice, Among):
            kwargs[keyword] = choice.values[0]
        else:
            kwargs[keyword] = shape(choice) if choice.domain == "sizes" else entries(shape(choice)) > 0
    args = [np.asarray(a, entries(()).dtype) for a in args]
    value = jax.eval_shape(functools.partial(twin, **kwargs), *args)
    return RuleProblem(name, tuple(args), kwargs, entries(value.shape))


def _truth(problem: Problem) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return the exact answers and the condition number of each of their entries.

    The condition number is Σ |v ∂a/∂v| / |a| over every number v that goes into the answer a, and at least 1. For a
    network the weight 1/N of each example is such a number: it stands for the rounding of that example's gradient.
    """
    truth = exact.testify(problem)
    moved = {name: abs(a) * 0 for name, a in truth.items()}
    for other in _nudged(problem):
        for name, a in exact.testify(other).items():
            moved[name] = moved[name] + abs(a - truth[name]) / _STEP
    if isinstance(problem, NetworkProblem):
        N = len(problem.X)
        for n in range(N):
            alone = replace(problem, X=problem.X[n : n + 1], y=problem.y[n : n + 1], reg=0.0)
            for name, a in exact.testify(alone).items():
                moved[name] = moved[name] + abs(a) / N
    return truth, {name: _condition(moved[name], a) for name, a in truth.items()}


def _nudged(problem: Problem) -> Iterator[Problem]:
    """Yield the problem with one of the numbers in it a little larger: each in turn, or an activation's all."""
    if isinstance(problem, RuleProblem):
        if problem.name in _ENTRY_BY_ENTRY:
            yield replace(problem, args=(_larger(problem.args[0], ...),))
        else:
            for i, a in enumerate(problem.args):
                for index in np.ndindex(a.shape):
                    yield replace(problem, args=(*problem.args[:i], _larger(a, index), *problem.args[i + 1 :]))
        sums = problem.name == "affine" or problem.name in set(PRIMITIVES) - set(_ENTRY_BY_ENTRY)
        for index in np.ndindex(problem.cotangent.shape) if sums else ():
            yield replace(problem, cotangent=_larger(problem.cotangent, index))
        return
    for name, a in problem.params.items():
        for index in np.ndindex(a.shape):
            yield replace(problem, params={**problem.params, name: _larger(a, index)})
    for index in np.ndindex(problem.X.shape):
        yield replace(problem, X=_larger(problem.X, index))


def _larger(a: NDArray[Any], index: Any) -> NDArray[Any]:
    with mpmath.workdps(exact.DIGITS):
        wide: NDArray[Any] = np.asarray(exact.numbers(a), object)
        wide[index] = wide[index] * (1 + _STEP)
    return wide


def _condition(moved: NDArray[Any], answer: NDArray[Any]) -> NDArray[np.float64]:
    pairs = zip(np.ravel(moved), answer.ravel())
    return np.reshape([max(1.0, float(m / abs(a))) if a else 1.0 for m, a in pairs], answer.shape)


def _relative_error(given: NDArray[Any], expected: NDArray[Any], dtype: Any) -> NDArray[np.float64]:
    """Return |given − expected| / |expected|; below the smallest normal number the format itself loses the digits."""
    tiny = float(np.finfo(dtype).tiny)
    error, size = exact.error(given, expected), np.asarray(np.abs(expected), float)
    beside = np.divide(error, size, out=np.full(size.shape, np.inf), where=size > 0)
    return np.where((error == 0) | ((size < tiny) & (error <= tiny)), 0.0, beside)


def _by_jax(problem: Problem) -> Mapping[str, Any]:
    if isinstance(problem, RuleProblem):
        compiled = problem.name not in PRIMITIVES  # whose keywords cannot be traced
        pullback = _jitted(problem.name, ()) if compiled else _pullback(problem.name)
        value, cotangents = pullback(problem.args, problem.kwargs, problem.cotangent)
        names = (f"d{argument}" for argument in problem.argument_names)
        return {"value": value, **dict(zip(names, cotangents))}
    value_and_grad = _jitted(problem.name, tuple(problem.kwargs.items()))
    loss, (grads, dX) = value_and_grad(problem.params, problem.X, problem.y, problem.dtype.type(problem.reg))
    return {"loss": loss, **grads, "X": dX}


@functools.cache
def _jitted(name: str, options: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    if name in reference.NETWORKS:
        loss = functools.partial(reference.NETWORKS[name].loss, **dict(options))
        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))

    return jax.jit(_pullback(name))


def _pullback(name: str) -> Callable[..., Any]:
    def value_and_cotangents(args: Any, kwargs: Any, cotangent: Any) -> Any:
        value, pullback = jax.vjp(functools.partial(reference.RULES[name], **kwargs), *args)
        return value, pullback(cotangent)

    return value_and_cotangents


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
        "var": lambda x, **_: x.var(correction=0),
        "reshape": lambda x, shape: x.reshape(shape),
        "transpose": lambda x, axes: x.permute(*range(x.ndim)[::-1]),
        "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
        "concatenate": lambda *arrays, axis: torch.cat(arrays, axis),
        "getitem": lambda x, index: x[index],
        "scatter": lambda x, index, shape: torch.zeros(shape, dtype=x.dtype).index_add(
            0, torch.tensor(index % shape[0]), x
        ),
    }
    if isinstance(problem, RuleProblem):
        if problem.name not in rules:
            return None
        args = [torch.tensor(a, requires_grad=True) for a in problem.args]
        value = rules[problem.name](*args, **problem.kwargs)
        cotangents = torch.autograd.grad(value, args, torch.tensor(problem.cotangent))
        names = (f"d{argument}" for argument in problem.argument_names)
        return {"value": value.detach().numpy(), **{k: a.numpy() for k, a in zip(names, cotangents)}}
    inputs = {k: torch.tensor(a, requires_grad=True) for k, a in {**problem.params, "X": problem.X}.items()}
    depth = len(problem.params) // 2
    hidden = problem.kwargs.get("activation", ("relu",) * (depth - 1))
    h = inputs["X"]
    loss = sum(rules["l2"](inputs[f"W{i}"], problem.reg) for i in range(1, depth + 1))
    for i, name in enumerate((*hidden, "identity"), start=1):
        h = activations[name](h @ inputs[f"W{i}"] + inputs[f"b{i}"])
    loss = loss + F.cross_entropy(h, torch.tensor(problem.y))
    grads = torch.autograd.grad(loss, list(inputs.values()))
    return {"loss": loss.detach().numpy(), **{k: a.numpy() for k, a in zip(inputs, grads)}}


#: Who is measured; PyTorch only where it is installed.
SYSTEMS: dict[str, System] = {"handgrad": answers, "jax.grad": _by_jax}
if importlib.util.find_spec("torch"):
    SYSTEMS["torch"] = _by_torch
