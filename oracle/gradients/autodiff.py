"""What JAX's own differentiation says of a problem, and how far rounding alone may carry a correct answer from it."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from oracle import reference
from oracle.reference.annotations import dimensions_of
from oracle.rounding.monte_carlo import Comparison, bounds, compare, either, perturbed
from oracle.strategies.conventions import HANDGRAD, Conventions
from oracle.strategies.expressions import ExpressionProblem, evaluate
from oracle.strategies.padding import pad_network, pad_rule, unpad
from oracle.strategies.problems import NetworkProblem, RuleProblem

__all__ = ["Testimony", "testify"]

#: By so many bounds a function of JAX's may differ from NumPy's: log1p by up to 129 units in the last place, on a CPU.
CLOSE = 1000


@dataclass(frozen=True)
class Testimony:
    """The value and gradients by name, and the bound on each entry for a correct answer."""

    expected: dict[str, NDArray[Any]]
    bound: dict[str, NDArray[Any]]
    #: Gives what JAX's own operations make of it, if it was NumPy that carried them out.
    by_jax: Callable[[], dict[str, NDArray[Any]]] | None = None

    def compare(self, given: Mapping[str, Any]) -> list[Comparison]:
        """Return the comparison of each array that is given; one that is close is also compared with JAX's own.

        JAX's functions may be less exact than NumPy's, and who calls them is not to blame.
        """
        found = compare(given, self.expected, self.bound)
        if self.by_jax and any(1 < c.excess < CLOSE for c in found):
            found = either(found, compare(given, self.by_jax(), self.bound))
        return found


def testify(problem: RuleProblem | NetworkProblem | ExpressionProblem) -> Testimony:
    """Return what ``jax.vjp`` says of a rule or ``jax.value_and_grad`` of a network or an expression.

    The names are "value" and, for an argument x, "dx"; or "loss", the parameters' names and "X".
    """
    if isinstance(problem, ExpressionProblem):
        return _expression(problem)
    return _rule(problem) if isinstance(problem, RuleProblem) else _network(problem)


def _rule(problem: RuleProblem) -> Testimony:
    twin = problem.truth or reference.RULES[problem.name]
    names = [f"d{argument}" for argument in problem.argument_names]
    args, kwargs, cotangent = problem.args, problem.kwargs, problem.cotangent
    like = {"value": problem.cotangent, **dict(zip(names, problem.args))}
    fixed: dict[str, Any] = {}  # what shapes depend on cannot be traced
    if problem.truth is None:
        if padded := "return" in dimensions_of(twin):
            args, kwargs, cotangent = pad_rule(twin, args, kwargs, cotangent)
        else:
            fixed = {k: v for k, v in kwargs.items() if not isinstance(v, np.ndarray)}
            kwargs = {k: v for k, v in kwargs.items() if k not in fixed}

    def vjp(args: Any, kwargs: Any, cotangent: Any) -> Any:
        value, backward = jax.vjp(lambda *a: twin(*a, **kwargs, **fixed), *args)
        return {"value": value, **dict(zip(names, backward(cotangent)))}

    key = ("rule", twin, repr(fixed))
    run = perturbed if problem.truth is not None or padded else _interpreted
    return _testimony(key, vjp, (args, kwargs, cotangent), problem.dtype, like, run)


def _network(problem: NetworkProblem) -> Testimony:
    if problem.truth is not None:
        return _loss(problem)
    twin = reference.NETWORKS[problem.name]
    params, X, y, where = pad_network(problem.params, problem.X.astype(problem.dtype), problem.y.astype(int))

    others = () if problem.conventions == HANDGRAD else astuple(problem.conventions)

    def value_and_grad(params: Any, X: Any, y: Any, reg: Any, where: Any, others: Any) -> Any:
        loss = functools.partial(twin.loss, **problem.kwargs)
        loss = functools.partial(Conventions(*others).of(loss) if others else loss, where=where)
        value, (grads, dX) = jax.value_and_grad(loss, argnums=(0, 1))(params, X, y, reg)
        return {"loss": value, **grads, "X": dX}

    like = {"loss": np.zeros(()), **problem.params, "X": problem.X}
    key = ("network", problem.name, bool(others), *problem.kwargs.items())
    args = (params, X, y, problem.dtype.type(problem.reg), where, others)
    run = perturbed if not problem.kwargs else _half_compiled  # every choice of activations is a program of its own
    return _testimony(key, value_and_grad, args, problem.dtype, like, run)


def _expression(problem: ExpressionProblem) -> Testimony:
    def call(name: str, *args: Any, **kwargs: Any) -> Any:
        return reference.RULES[name](*args, **kwargs)

    def scalar(leaves: Any) -> Any:
        return evaluate(problem.steps, leaves, call)

    def along(leaves: Any) -> Any:
        assert problem.direction is not None
        products = jax.tree.map(lambda d, v: (d * v.astype(float)).sum(), jax.grad(scalar)(leaves), problem.direction)
        return sum(products)

    def value_and_grad(leaves: Any) -> Any:
        value, grads = jax.value_and_grad(scalar if problem.direction is None else along)(leaves)
        return {"value": value, **{f"d{name}": d for name, d in zip(problem.argument_names, grads)}}

    like = {"value": np.zeros(()), **{f"d{name}": a for name, a in zip(problem.argument_names, problem.leaves)}}
    return _testimony(None, value_and_grad, (problem.leaves,), problem.dtype, like, _interpreted)


def _loss(problem: NetworkProblem) -> Testimony:
    """Testify of somebody's own loss, of which nobody knows how it could be padded."""
    truth: Any = problem.truth

    def value_and_grad(params: Any, X: Any, y: Any, reg: Any) -> Any:
        value, grads = jax.value_and_grad(truth)(params, X, y, reg)
        return {"loss": value, **grads}

    like = {"loss": np.zeros(()), **problem.params}
    args = (problem.params, problem.X, problem.y, problem.dtype.type(problem.reg))
    return _testimony(("loss", problem.truth), value_and_grad, args, problem.dtype, like, _interpreted)


Run = Callable[..., tuple[Any, Any]]


def _interpreted(f: Callable[..., Any], *example: Any) -> Run:
    """Return ``perturbed(f)`` that is not compiled: ``jax.jit`` would take tenths of a second for each shape."""
    return perturbed(f, *example, compiled=False)


def _half_compiled(f: Callable[..., Any], *example: Any) -> Run:
    """Return ``perturbed(f)`` of which JAX compiles f alone: with all draws that would take seconds."""
    as_it_is, draws = jax.jit(f), _interpreted(f, *example)
    return lambda dtype, *args: (as_it_is(*args), draws(dtype, *args)[1])


_runs: dict[Any, Run] = {}


def _testimony(
    key: tuple[Any, ...] | None,
    f: Callable[..., Any],
    args: Any,
    dtype: np.dtype[Any],
    like: dict[str, NDArray[Any]],
    perturb: Callable[..., Run],
) -> Testimony:
    """Run ``f`` as it is, and perturbed, both in float64; it is traced once for each key, shape and dtype.

    What is said of a float32 problem is so exact that only the answer's own rounding remains between the two.
    """
    leaves, structure = jax.tree.flatten(args)
    leaves = [np.asarray(a, float) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in leaves]
    wide = jax.tree.unflatten(structure, leaves)
    if key is None:  # nobody will ask for the same again
        run = perturb(f, *wide)
    else:
        key = (*key, *((a.shape, a.dtype) for a in leaves))
        if key not in _runs:
            _runs[key] = perturb(f, *wide)
        run = _runs[key]
    expected, draws = run(dtype, *wide)

    def by_jax() -> dict[str, NDArray[Any]]:
        found = f(*wide)
        return {name: unpad(found[name], a) for name, a in like.items()}

    scale = math.prod(float(np.max(np.abs(a), initial=1.0, where=np.isfinite(a))) for a in leaves)
    return Testimony(
        {name: unpad(expected[name], a) for name, a in like.items()},
        {name: bounds(unpad(draws[name], a), scale=scale, dtype=dtype) for name, a in like.items()},
        by_jax if perturb is _interpreted else None,
    )
