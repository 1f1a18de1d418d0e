"""A problem as Python code that can be pasted: NumPy, handgrad and the numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.padding import arguments_of
from oracle.problems import NetworkProblem, RuleProblem
from oracle.twins import RULES as TWINS

__all__ = ["snippet"]


def snippet(problem: RuleProblem | NetworkProblem) -> str:
    """Return code that gives the problem to handgrad and leaves the answers in variables."""
    lines = ["import numpy as np", f"from handgrad import {problem.name}", ""]
    if isinstance(problem, RuleProblem):
        names = arguments_of(TWINS[problem.name])
        lines += [f"{name} = {_source(a)}" for name, a in zip(names, problem.args)]
        keywords = [f"{k}={_source(v)}" for k, v in problem.kwargs.items()]
        lines += [
            f"dvalue = {_source(problem.cotangent)}",
            f"value, backward = {problem.name}({', '.join(names + keywords)})",
            f"{', '.join(f'd{name}' for name in names)}{',' if len(names) == 1 else ''} = backward(dvalue)",
        ]
        return "\n".join(lines)
    lines.append("params = {")
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


def _source(a: Any) -> str:
    if not isinstance(a, np.ndarray):
        return repr(a)
    entries = f"np.array({a.tolist()!r}, np.{a.dtype})"
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
