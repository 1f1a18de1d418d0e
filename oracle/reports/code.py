"""A problem as Python code that can be pasted: NumPy, handgrad and the numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.rounding.monte_carlo import Comparison
from oracle.strategies.expressions import ExpressionProblem
from oracle.strategies.problems import NetworkProblem, RuleProblem

__all__ = ["reproduction", "snippet"]


def snippet(problem: RuleProblem | NetworkProblem | ExpressionProblem) -> str:
    """Return code that gives the problem to handgrad and leaves the answers in variables."""
    if isinstance(problem, ExpressionProblem):
        return _expression(problem)
    if isinstance(problem, RuleProblem):
        lines = ["import numpy as np", f"from handgrad.rules import {problem.name}", ""]
        names = problem.argument_names
        lines += [f"{name} = {_source(a)}" for name, a in zip(names, problem.args)]
        keywords = [f"{k}={_source(v)}" for k, v in problem.kwargs.items()]
        lines += [
            f"dvalue = {_source(problem.cotangent)}",
            f"value, backward = {problem.name}({', '.join(names + keywords)})",
            f"{', '.join(f'd{name}' for name in names)}{',' if len(names) == 1 else ''} = backward(dvalue)",
        ]
        return "\n".join(lines)
    lines = ["import numpy as np", f"from handgrad import {problem.name}", "", "params = {"]
    lines += [f'    "{name}": {_source(a)},' for name, a in problem.params.items()]
    lines += ["}", f"X = {_source(problem.X)}", f"y = {_source(problem.y)}"]
    keywords = [f"{k}={_source(v)}" for k, v in problem.kwargs.items()]
    if problem.input_grad:
        keywords.append("input_grad=True")
    call = ", ".join(["params", "X", "y", f"reg={problem.reg!r}", *keywords])
    lines.append(f"loss, grads = {problem.name}.loss_and_grad({call})")
    if not all(a.flags.writeable for a in (*problem.params.values(), problem.X, problem.y)):
        lines.insert(-1, "for a in (*params.values(), X, y):\n    a.flags.writeable = False")
    return "\n".join(lines)


def _expression(problem: ExpressionProblem) -> str:
    """Return an expression as a function of its leaves, a line for each step."""
    leaves = problem.argument_names
    nodes = [*leaves, *(f"v{k}" for k in range(len(problem.steps)))]
    lines = ["import numpy as np", "from handgrad import graph, rules", "", "", f"def f({', '.join(leaves)}):"]
    for k, step in enumerate(problem.steps):
        given = [f"rules.{step.rule}", *(nodes[i] for i in step.operands)]
        given += [f"{key}={_source(value)}" for key, value in step.kwargs.items()]
        lines.append(f"    v{k} = graph.apply({', '.join(given)})")
    lines += [f"    return {nodes[-1]}", "", ""]
    every = tuple(range(len(leaves)))
    differentiated = "f"
    if problem.direction is not None:
        products = " + ".join(f"np.sum(d[{i}] * {_source(v)})" for i, v in enumerate(problem.direction))
        lines += [
            f"def along({', '.join(leaves)}):",
            f"    _, d = graph.value_and_grad(f, argnums={every})({', '.join(leaves)})",
        ]
        lines += [f"    return {products}", "", ""]
        differentiated = "along"
    lines += [f"{name} = {_source(a)}" for name, a in zip(leaves, problem.leaves)]
    found = ", ".join(f"d{name}" for name in leaves)
    lines.append(f"value, ({found},) = graph.value_and_grad({differentiated}, argnums={every})({', '.join(leaves)})")
    return "\n".join(lines)


def _source(a: Any) -> str:
    if isinstance(a, tuple):
        return f"({', '.join(map(_source, a))}{',' * (len(a) == 1)})"
    if not isinstance(a, np.ndarray):
        return "..." if a is ... else repr(a)
    dtype = "" if a.dtype in (np.float64, np.int64) else f", np.{a.dtype}"
    entries = f"np.array({a.tolist()!r}{dtype})"
    if a.size == 0 or (0 in a.shape):
        entries = f"np.zeros({a.shape}, np.{a.dtype})"
    return entries + _layout(a)


def _layout(a: NDArray[Any]) -> str:
    """Return what gives an array of these entries the same order in memory."""
    if a.flags.c_contiguous:
        return ""
    if a.flags.f_contiguous:
        return '.copy(order="F")'
    if any(stride < 0 for stride in a.strides):
        return "[::-1].copy()[::-1]"
    return ".repeat(2, axis=-1)[..., ::2]"


def reproduction(problem: RuleProblem | NetworkProblem, candidate: Any, worst: Comparison | None) -> str:
    """Return code for NumPy alone that gives the problem to somebody's own function and shows the worst entry."""
    module, name = getattr(candidate, "__module__", None), getattr(candidate, "__name__", "")
    plain = name.isidentifier()
    importable = module not in (None, "__main__", "builtins") and getattr(candidate, "__qualname__", "") == name
    lines = ["import numpy as np"]
    if plain and importable:
        lines.append(f"from {module} import {name}")
    called = name if plain else "candidate"
    at = f"[{', '.join(map(str, worst.index))}]" if worst and worst.index else ""
    if isinstance(problem, NetworkProblem):
        params = ", ".join(f'"{key}": {_source(a)}' for key, a in problem.params.items())
        lines += [f"params = {{{params}}}", f"X, y = {_source(problem.X)}, {_source(problem.y)}"]
        lines.append(f"loss, grads = {called}(params, X, y, {problem.reg!r})[:2]")
        shown = f'grads["{worst.name}"]{at}' if worst and worst.name != "loss" else "loss"
    else:
        names = [f"x{i}" for i in range(len(problem.args))]
        lines += [f"{x} = {_source(a)}" for x, a in zip(names, problem.args)]
        keywords = [f"{k}={_source(v)}" for k, v in problem.kwargs.items()]
        lines.append(f"value, backward = {called}({', '.join(names + keywords)})")
        lines.append(f"grads = backward({_source(problem.cotangent)})")
        position = [f"d{x}" for x in problem.argument_names].index(worst.name) if worst and worst.name != "value" else 0
        shown = "value" if worst and worst.name == "value" else f"grads[{position}]"
        shown += at
    said = f"  # {worst.given!r}, and right is {worst.expected!r}" if worst else ""
    lines.append(f"print({shown}){said}")
    return "\n".join(lines)
