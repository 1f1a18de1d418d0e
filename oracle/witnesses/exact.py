"""Exact arithmetic: values and gradients to 60 digits with mpmath, the judge when handgrad and JAX differ.

Each rule has its value and its derivative here, written from the definition; at a kink the derivative is what the table
of conventions in ``docs/derivations/kinks.md`` says. A network is their chain rule. Slow, and for small problems.
"""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import exp, expm1, log1p, mpf, sech, sqrt, tanh
from numpy.typing import NDArray

from oracle.padding import arguments_of
from oracle.strategies import NetworkProblem, RuleProblem
from oracle.twins import RULES as TWINS

__all__ = ["ACTIVATIONS", "DIGITS", "RULES", "error", "numbers", "testify"]

DIGITS = 60

_SELU_ALPHA = "1.6732632423543772848170429916717"
_SELU_SCALE = "1.0507009873554804934193349852946"


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + exp(-z))


def _mish_slope(z: Any) -> Any:
    softplus = log1p(exp(z))
    return tanh(softplus) + z * sech(softplus) ** 2 * _sigmoid(z)


def _two_u(z: Any) -> Any:
    """Return twice the argument of GELU's tanh."""
    return 2 * sqrt(2 / mpmath.pi) * (z + mpf("0.044715") * z**3)


def _gelu_slope(z: Any) -> Any:
    p, q = _sigmoid(_two_u(z)), _sigmoid(-_two_u(z))
    return p + z * p * q * 2 * sqrt(2 / mpmath.pi) * (1 + 3 * mpf("0.044715") * z**2)


#: The value and the slope of each activation, entry by entry.
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "identity": (lambda z: z, lambda z: mpf(1)),
    "relu": (lambda z: max(z, mpf(0)), lambda z: mpf(z > 0)),
    "leaky_relu": (
        lambda z, negative_slope=0.01: z if z >= 0 else negative_slope * z,
        lambda z, negative_slope=0.01: mpf(1) if z >= 0 else mpf(negative_slope),
    ),
    "elu": (
        lambda z, alpha=1.0: z if z > 0 else alpha * expm1(z),
        lambda z, alpha=1.0: mpf(1) if z > 0 else alpha * exp(z),
    ),
    "selu": (
        lambda z: mpf(_SELU_SCALE) * (z if z > 0 else mpf(_SELU_ALPHA) * expm1(z)),
        lambda z: mpf(_SELU_SCALE) * (1 if z > 0 else mpf(_SELU_ALPHA) * exp(z)),
    ),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z)),
    "tanh": (tanh, lambda z: sech(z) ** 2),
    "softplus": (lambda z: max(z, mpf(0)) + log1p(exp(-abs(z))), _sigmoid),
    "log_sigmoid": (lambda z: min(z, mpf(0)) - log1p(exp(-abs(z))), lambda z: _sigmoid(-z)),
    "silu": (lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) * (1 + z * _sigmoid(-z))),
    "mish": (lambda z: z * tanh(log1p(exp(z))), _mish_slope),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "hard_tanh": (lambda z: min(max(z, mpf(-1)), mpf(1)), lambda z: mpf(abs(z) <= 1)),
    "gelu": (lambda z: z * _sigmoid(_two_u(z)), _gelu_slope),
}


def _affine(dz: Any, x: Any, W: Any, b: Any) -> tuple[Any, ...]:
    return x @ W + b, dz @ W.T, x.T @ dz, dz.sum(axis=0)


def _softmax_cross_entropy(dL: Any, scores: Any, *, labels: NDArray[Any]) -> tuple[Any, ...]:
    N, C = scores.shape
    L, ds = mpf(0), np.empty_like(scores)
    for n in range(N):
        y = int(labels[n])
        odds = [exp(scores[n, j] - scores[n, y]) for j in range(C)]  # e^{s_j − s_y} = p_j / p_y
        others = sum((odds[j] for j in range(C) if j != y), mpf(0))
        L += log1p(others) / N
        for j in range(C):
            ds[n, j] = dL / N * (-others if j == y else odds[j]) / (1 + others)
    return L, ds


def _l2(dR: Any, W: Any, *, reg: float) -> tuple[Any, ...]:
    return mpf(reg) / 2 * (W * W).sum(), dR * mpf(reg) * W


def _elementwise(value: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    def rule(dh: Any, z: Any, **kwargs: Any) -> tuple[Any, ...]:
        return _each(lambda a: value(a, **kwargs), z), dh * _each(lambda a: slope(a, **kwargs), z)

    return rule


#: For each rule, a function of the cotangent and the arguments that gives the value and the arguments' cotangents.
RULES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "affine": _affine,
    **{name: _elementwise(*pair) for name, pair in ACTIVATIONS.items()},
    "softmax_cross_entropy": _softmax_cross_entropy,
    "l2": _l2,
}


def testify(problem: RuleProblem | NetworkProblem) -> dict[str, NDArray[Any]]:
    """Return the exact answers as arrays of mpmath numbers, under the names that ``jax_grad`` gives them."""
    with mpmath.workdps(DIGITS):
        return _rule(problem) if isinstance(problem, RuleProblem) else _network(problem)


def _rule(problem: RuleProblem) -> dict[str, NDArray[Any]]:
    dvalue, *args = map(numbers, (problem.cotangent, *problem.args))
    names = ["value", *(f"d{argument}" for argument in arguments_of(TWINS[problem.name]))]
    results = RULES[problem.name](dvalue, *args, **problem.kwargs)
    return {name: np.asarray(a, object) for name, a in zip(names, results)}


def _network(problem: NetworkProblem) -> dict[str, NDArray[Any]]:
    params = {name: numbers(a) for name, a in problem.params.items()}
    depth = len(params) // 2
    activations = problem.kwargs.get("activation", ("relu",) * (depth - 1))

    h, inputs, slopes = numbers(problem.X), [], []
    for i in range(1, depth + 1):
        inputs.append(h)
        h = h @ params[f"W{i}"] + params[f"b{i}"]
        if i < depth:
            value, slope = ACTIVATIONS[activations[i - 1]]
            h, s = _each(value, h), _each(slope, h)
            slopes.append(s)

    weight = 1 if problem.conventions.mean else len(problem.y)  # of the mean over the batch
    J, dz = _softmax_cross_entropy(mpf(weight), h, labels=problem.y)
    J *= weight
    found: dict[str, Any] = {}
    for i in range(depth, 0, -1):
        _, dh, *data = _affine(dz, inputs[i - 1], params[f"W{i}"], params[f"b{i}"])
        for name, g in zip((f"W{i}", f"b{i}"), data):
            R, dR = _l2(mpf(1), params[name], reg=problem.conventions.strength(name, problem.reg))
            J += R
            found[name] = g + dR
        dz = dh * slopes[i - 2] if i > 1 else dh
    return {"loss": np.asarray(J, object), **found, "X": dz}


def error(given: Any, exact: NDArray[Any]) -> NDArray[np.float64]:
    """Return |given − exact|, entry by entry, rounded only in the end; infinite where ``given`` is not finite."""
    with mpmath.workdps(DIGITS):
        given = np.asarray(given)
        pairs = zip(given.ravel(), exact.ravel())
        flat = [float(abs(mpf(float(g)) - e)) if np.isfinite(g) else np.inf for g, e in pairs]
    return np.array(flat, float).reshape(given.shape)


def numbers(a: Any) -> Any:
    """Return an array's entries as mpmath numbers, which may have been such before; a number for a 0-d array."""
    return _each(mpmath.mpmathify, a) if np.ndim(a) else mpmath.mpmathify(np.asarray(a).item())


def _each(f: Callable[[Any], Any], a: Any) -> Any:
    return np.array([f(x) for x in a.ravel()], object).reshape(a.shape)
