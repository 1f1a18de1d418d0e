"""Exact arithmetic: values and gradients in 60 digits with mpmath, the judge when handgrad and JAX differ.

Each rule has its value and its derivative here, written from the definition; at a kink the derivative is what the table
of conventions in ``docs/derivations/kinks.md`` says. A network is their chain rule. Slow, and for small problems.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
from mpmath import exp, expm1, log, log1p, mpf, sech, sqrt, tanh
from numpy.typing import NDArray

import handgrad
from oracle.strategies.expressions import ExpressionProblem
from oracle.strategies.problems import NetworkProblem, RuleProblem

__all__ = ["ACTIVATIONS", "DIGITS", "RULES", "error", "numbers", "testify"]

DIGITS = 60
_NOTHING = mpf(2) ** -1075  # half the smallest float64

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
    return mpf(reg) / 2 * (W * W).sum(), W * (dR * mpf(reg))  # an array first: mpmath would print it for an error


def _elementwise(value: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    def rule(dh: Any, z: Any, **kwargs: Any) -> tuple[Any, ...]:
        return _each(lambda a: value(a, **kwargs), z), dh * _each(lambda a: slope(a, **kwargs), z)

    return rule


def _power_slopes(x: Any, y: Any) -> tuple[Any, Any]:
    return (y * x ** (y - 1) if y else mpf(0)), (x**y * log(x) if x else mpf(0))


#: The value and the two slopes of each operation on two arrays, entry by entry.
OPERATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (lambda x, y: x + y, lambda x, y: (mpf(1), mpf(1))),
    "subtract": (lambda x, y: x - y, lambda x, y: (mpf(1), mpf(-1))),
    "multiply": (lambda x, y: x * y, lambda x, y: (y, x)),
    "divide": (lambda x, y: x / y, lambda x, y: (1 / y, -x / y**2)),
    "power": (lambda x, y: x**y, _power_slopes),
    "maximum": (max, lambda x, y: (mpf(x > y) + mpf(x == y) / 2, mpf(y > x) + mpf(x == y) / 2)),
    "minimum": (min, lambda x, y: (mpf(x < y) + mpf(x == y) / 2, mpf(y < x) + mpf(x == y) / 2)),
}

#: The value and the slope of each function of one array, entry by entry.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "negative": (lambda x: -x, lambda x: mpf(-1)),
    "exp": (exp, exp),
    "expm1": (expm1, exp),
    "log": (log, lambda x: 1 / x),
    "log1p": (log1p, lambda x: 1 / (1 + x)),
    "sqrt": (sqrt, lambda x: 1 / (2 * sqrt(x))),
    "absolute": (abs, lambda x: mpf(1) if x >= 0 else mpf(-1)),
}


def _operation(value: Callable[..., Any], slopes: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """Return the rule of an operation on two arrays; what each entry of z was made of is looked up by its number."""

    def rule(dz: Any, x: Any, y: Any) -> tuple[Any, ...]:
        x, y, dz = (np.asarray(a, object) for a in (x, y, dz))
        i, j = np.broadcast_arrays(*(np.arange(a.size).reshape(a.shape) for a in (x, y)))
        pairs = [(x.flat[m], y.flat[n]) for m, n in zip(i.flat, j.flat)]
        z = np.array([value(*pair) for pair in pairs], object).reshape(dz.shape)
        dx, dy = (np.full(a.shape, mpf(0), object) for a in (x, y))
        for m, n, pair, d in zip(i.flat, j.flat, pairs, dz.flat):
            of_x, of_y = slopes(*pair)
            dx.flat[m] += d * of_x
            dy.flat[n] += d * of_y
        return z, dx, dy

    return rule


def _where(dz: Any, x: Any, y: Any, *, condition: Any) -> tuple[Any, ...]:
    rearranged = _rearrangement(lambda numbers, others: np.where(condition, numbers, others))
    return rearranged(dz, x, y)


def _rearrangement(f: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """Return the rule of what only moves entries: carried out on their numbers, it says where each came from."""

    def rule(dz: Any, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        arrays = [np.asarray(a, object) for a in args]
        starts = np.cumsum([0, *(a.size for a in arrays)])
        entries = np.concatenate([a.ravel() for a in arrays])
        numbers = [start + np.arange(a.size).reshape(a.shape) for start, a in zip(starts, arrays)]
        came_from = np.asarray(f(*numbers, **kwargs))
        back = np.full(entries.shape, mpf(0), object)
        for number, d in zip(came_from.flat, np.asarray(dz, object).flat):
            back[number] += d
        cotangents = (b.reshape(a.shape) for b, a in zip(np.split(back, starts[1:-1]), arrays))
        return entries[came_from], *cotangents

    return rule


def _scatter(dx: Any, x: Any, *, index: Any, shape: Any) -> tuple[Any, ...]:
    z, places = np.full(shape, mpf(0), object), np.arange(int(np.prod(shape))).reshape(shape)[index]
    for place, entry in zip(places.flat, x.flat):
        z.flat[place] += entry
    return z, dx.ravel()[places]


def _matmul(dz: Any, x: Any, y: Any) -> tuple[Any, ...]:
    """Multiply entry by entry: z[n, h] += x[n, d] y[d, h] for every matrix of the stack."""
    row, column = x if x.ndim > 1 else x[None, :], y if y.ndim > 1 else y[:, None]
    stack = np.broadcast_shapes(row.shape[:-2], column.shape[:-2])
    z = np.full((*stack, row.shape[-2], column.shape[-1]), mpf(0), object)
    dz = np.asarray(dz, object).reshape(z.shape)
    dx, dy = np.full(row.shape, mpf(0), object), np.full(column.shape, mpf(0), object)
    for *at, n, h in np.ndindex(z.shape):
        in_x, in_y = (
            [i if m > 1 else 0 for i, m in zip(at[len(stack) - a.ndim + 2 :], a.shape)] for a in (row, column)
        )
        for d in range(row.shape[-1]):
            i, j = (*in_x, n, d), (*in_y, d, h)
            z[*at, n, h] += row[i] * column[j]
            dx[i] += dz[*at, n, h] * column[j]
            dy[j] += dz[*at, n, h] * row[i]
    return (x @ y if x.ndim == y.ndim == 1 else z.reshape(np.shape(x @ y))), dx.reshape(x.shape), dy.reshape(y.shape)


def _reduction(reduce: Callable[..., tuple[Any, list[Any]]]) -> Callable[..., tuple[Any, ...]]:
    """Return the rule of a reduction from that of a list: its value, and the slope of each entry."""

    def rule(dz: Any, x: Any, *, axis: Any = None, keepdims: bool = False, **kwargs: Any) -> tuple[Any, ...]:
        x = np.asarray(x, object)
        ones = np.ones(x.shape)
        kept = np.sum(ones, axis=axis, keepdims=True).shape
        group = np.broadcast_to(np.arange(np.prod(kept, dtype=int)).reshape(kept), x.shape)
        z, dx = np.full(kept, mpf(0), object), np.full(x.shape, mpf(0), object)
        for g, d in enumerate(np.ravel(np.asarray(dz, object))):
            members = group == g
            z.flat[g], slopes = reduce(list(x[members]), **kwargs)
            dx[members] = [d * slope for slope in slopes]
        return z.reshape(np.sum(ones, axis=axis, keepdims=keepdims).shape), dx

    return rule


def _mean(x: list[Any]) -> Any:
    return sum(x, mpf(0)) / len(x)


def _logsumexp(x: list[Any]) -> tuple[Any, list[Any]]:
    top = max(x)
    others = list(x)
    others.remove(top)
    rest = sum((exp(a - top) for a in others), mpf(0))
    return top + log1p(rest), [exp(a - top) / (1 + rest) for a in x]


def _var(x: list[Any], *, correction: float = 0.0) -> tuple[Any, list[Any]]:
    n = len(x) - mpf(correction)
    return sum((a - _mean(x)) ** 2 for a in x) / n, [2 * (a - _mean(x)) / n for a in x]


#: For each rule, a function of the cotangent and the arguments that gives the value and the arguments' cotangents.
RULES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "affine": _affine,
    **{name: _elementwise(*pair) for name, pair in {**ACTIVATIONS, **FUNCTIONS}.items()},
    "softmax_cross_entropy": _softmax_cross_entropy,
    "l2": _l2,
    **{name: _operation(*pair) for name, pair in OPERATIONS.items()},
    "where": _where,
    "matmul": _matmul,
    "sum": _reduction(lambda x: (sum(x, mpf(0)), [mpf(1)] * len(x))),
    "mean": _reduction(lambda x: (_mean(x), [mpf(1) / len(x)] * len(x))),
    "max": _reduction(lambda x: (max(x), [mpf(a == max(x)) / x.count(max(x)) for a in x])),
    "logsumexp": _reduction(_logsumexp),
    "var": _reduction(_var),
    "reshape": _rearrangement(np.reshape),
    "transpose": _rearrangement(np.transpose),
    "broadcast_to": _rearrangement(np.broadcast_to),
    "concatenate": _rearrangement(lambda *numbers, axis=0: np.concatenate(numbers, axis)),
    "getitem": _rearrangement(lambda numbers, *, index: numbers[index]),
    "scatter": _scatter,
}


def testify(problem: RuleProblem | NetworkProblem | ExpressionProblem) -> dict[str, NDArray[Any]]:
    """Return the exact answers as arrays of mpmath numbers, under the names that ``jax_grad`` gives them."""
    with mpmath.workdps(DIGITS):
        if isinstance(problem, ExpressionProblem):
            return _expression(problem) if problem.direction is None else _second(problem)
        return _rule(problem) if isinstance(problem, RuleProblem) else _network(problem)


def _rule(problem: RuleProblem) -> dict[str, NDArray[Any]]:
    dvalue, *args = map(numbers, (problem.cotangent, *problem.args))
    names = ["value", *(f"d{argument}" for argument in problem.argument_names)]
    results = RULES[problem.name](dvalue, *args, **problem.kwargs)
    return {name: np.asarray(a, object) for name, a in zip(names, results)}


def _expression(problem: ExpressionProblem) -> dict[str, NDArray[Any]]:
    """Chain the rules: forwards for the nodes, then backwards for what each adds to the cotangents of what it used."""
    nodes, shapes = [np.asarray(numbers(a), object) for a in problem.leaves], [np.shape(a) for a in problem.leaves]
    for step in problem.steps:
        args = [nodes[i] for i in step.operands]
        plain = (np.zeros(shapes[i]) for i in step.operands)
        with np.errstate(all="ignore"):
            shapes.append(np.shape(handgrad.RULES[step.rule](*plain, **step.kwargs)[0]))
        nodes.append(np.asarray(RULES[step.rule](numbers(np.zeros(shapes[-1])), *args, **step.kwargs)[0], object))
    cotangents = [numbers(np.zeros(shape)) for shape in shapes]
    cotangents[-1] = mpf(1)
    for k in range(len(problem.steps) - 1, -1, -1):
        step, dz = problem.steps[k], cotangents[len(problem.leaves) + k]
        for i, d in zip(step.operands, RULES[step.rule](dz, *(nodes[i] for i in step.operands), **step.kwargs)[1:]):
            cotangents[i] = cotangents[i] + d
    found = {"value": nodes[-1], **{f"d{name}": d for name, d in zip(problem.argument_names, cotangents)}}
    return {name: np.asarray(a, object) for name, a in found.items()}


def _second(problem: ExpressionProblem) -> dict[str, NDArray[Any]]:
    """Return the product of the direction and the gradient, and how it changes: the gradient's difference quotient.

    What cancels in it may have been rounded before. So there are ten times the digits: what that and the step leave of
    a zero is below every float64.
    """
    assert problem.direction is not None
    with mpmath.workdps(10 * DIGITS):
        step = mpf(10) ** -(10 * DIGITS // 3)
        moved = []
        for sign in (1, 0, -1):
            leaves = [numbers(a) + sign * step * numbers(v) for a, v in zip(problem.leaves, problem.direction)]
            moved.append(_expression(replace(problem, leaves=tuple(leaves), direction=None)))
        ahead, here, behind = moved
        products = (np.sum(here[f"d{name}"] * numbers(v)) for name, v in zip(problem.argument_names, problem.direction))
        found = {name: (ahead[name] - behind[name]) / (2 * step) for name in here if name != "value"}
        return {name: np.asarray(a, object) for name, a in {"value": sum(products, mpf(0)), **found}.items()}


def _network(problem: NetworkProblem) -> dict[str, NDArray[Any]]:
    """Chain the layers; a unit too small for float64 is 0, as in any program, so that the next may lie on a kink."""
    params = {name: numbers(a) for name, a in problem.params.items()}
    depth = len(params) // 2
    activations = problem.kwargs.get("activation", ("relu",) * (depth - 1))

    h, inputs, slopes = numbers(problem.X), [], []
    for i in range(1, depth + 1):
        inputs.append(h)
        h = h @ params[f"W{i}"] + params[f"b{i}"]
        if i < depth:
            value, slope = ACTIVATIONS[activations[i - 1]]
            slopes.append(_each(slope, h))
            h = _each(lambda a: a if abs(a) > _NOTHING else mpf(0), _each(value, h))

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
    return np.array([f(x) for x in np.ravel(a).tolist()], object).reshape(np.shape(a))
