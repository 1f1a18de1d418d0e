"""What a drawing shows of a graph: nodes, and arrows that carry a value forward and a gradient back, as text."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad import rules
from handgrad.graph.inspection.formatting import norm, number
from handgrad.graph.inspection.repetitions import repetitions
from handgrad.graph.names import called, is_number, rule_name
from handgrad.graph.reverse_mode import gradients, pull_back, topological_order
from handgrad.graph.variable import Variable, plain

__all__ = ["Arrow", "Node", "Picture", "picture"]

#: Arrays of more entries, or of longer rows, are shown by their norm.
_SMALL, _SHORT = 12, 4

_DIGITS = 3

#: Signs and names of the operations, where these are not the rules' own names.
_SIGNS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "negative": "negative −", "power": "power ^",
    "matmul": "@", "sum": "Σ", "sqrt": "√", "absolute": "| · |", "relu": "ReLU", "leaky_relu": "leaky ReLU",
    "elu": "ELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU", "softmax_cross_entropy": "softmax loss",
    "l2": "penalty", "getitem": "[ · ]",
}  # fmt: skip

#: Where it does not matter which argument comes first.
_COMMUTATIVE = (rules.add, rules.multiply, rules.maximum, rules.minimum)


class Node(NamedTuple):
    """One box: of kind variable, number, operation or repetition, with its lines of text."""

    kind: str
    title: str
    details: tuple[str, ...] = ()
    value: str = ""
    gradient: str = ""
    #: Whether what it is made of has to be seen in order, as in a difference.
    ordered: bool = False


class Arrow(NamedTuple):
    """What flows between two nodes, given by their places in the picture: forward a value, back a gradient."""

    tail: int
    head: int
    value: str
    gradient: str


class Picture(NamedTuple):
    """The nodes in topological order, the arrows, and what the gradients are of, if there are any."""

    nodes: list[Node]
    arrows: list[Arrow]
    of: str


class _Group(NamedTuple):
    """Variables that are drawn as one node: the same array, or what plays the same part in each repetition."""

    kind: str
    members: list[Variable]
    signs: list[str]


def picture(output: Variable, show_gradients: bool, cotangent: Any, show_values: bool, fold: bool) -> Picture:
    """Return what :func:`handgrad.graph.draw` draws."""
    if not isinstance(output, Variable):
        raise TypeError(f"draw expected a Variable, given {type(output).__name__}")
    if show_gradients and cotangent is None and output.shape != ():
        raise ValueError(
            f"the gradients in a picture are those of a scalar, given {called(output)}: give cotangent=, ∂J/∂output, "
            "or draw it with gradients=False"
        )
    order = topological_order(output)
    asked = [v for v in order if not is_number(v)] if show_gradients else []
    cotangents = dict(zip(asked, gradients(output, *asked, cotangent=cotangent))) if asked else {}
    repeated = _repeated(order) if fold else {}
    groups = _groups(order, repeated)
    place = {v: i for i, group in enumerate(groups) for v in group.members}
    show = _text if show_values else lambda arrays: ""
    arrows = _arrows(order, place, repeated, cotangents, show)
    arrows = [a._replace(value="", gradient="") if groups[a.tail].kind == "number" else a for a in arrows]
    uses = [0] * len(groups)
    for arrow in arrows:
        uses[arrow.tail] += 1
    nodes = [_node(group, uses[i], cotangents, show) for i, group in enumerate(groups)]
    of = (output.name or "the output") if cotangent is None else "J"
    return Picture(nodes, arrows, of if show_gradients else "")


# what is drawn as one node
_Part = tuple[int, int]  # which repetition, and which operation of its sequence


def _repeated(order: list[Variable]) -> dict[Variable, _Part]:
    """Return the part in a repetition of each operation that has one; the output always stands alone."""
    operations = [node for node in order if node.parents][:-1]
    index = {node: i for i, node in enumerate(operations)}
    labels = [(node.rule, _settings(node)) for node in operations]
    reads = [[index.get(parent, -1) for parent in node.parents] for node in operations]
    return {
        operations[i]: (number, (i - r.start) % r.period)
        for number, r in enumerate(repetitions(labels, reads))
        for i in range(r.start, r.end)
    }


def _groups(order: list[Variable], repeated: dict[Variable, _Part]) -> list[_Group]:
    parts: dict[Any, set[Any]] = defaultdict(set)
    for node in order:
        for slot, parent in enumerate(node.parents):
            parts[_source(parent)].add((repeated.get(node, node), slot))
    merged: dict[Any, list[Variable]] = defaultdict(list)
    for v in order:
        merged[_identity(v, repeated, parts[_source(v)])].append(v)
    return [_group(members, repeated) for members in merged.values()]


def _group(members: list[Variable], repeated: dict[Variable, _Part]) -> _Group:
    first = members[0]
    if first not in repeated:
        return _Group(_kind(first), members, [_sign(first)])
    period = 1 + max(repeated[v][1] for v in members)
    return _Group("repetition", members, [_sign(v) for v in members[:period]])


def _identity(v: Variable, repeated: dict[Variable, _Part], parts: set[Any]) -> Any:
    """Return what variables that are drawn as one have in common."""
    if v in repeated:
        return repeated[v][0]
    if v.parents:
        return v
    if parts and all(isinstance(user, tuple) for user, _ in parts):  # nothing but repetitions reads it
        return _kind(v), frozenset(parts)
    return _source(v)


def _source(v: Variable) -> Any:
    """Return what makes constants one: the array that they were given."""
    return ("array", id(v.given)) if v.given is not None and not v.name else v


def _kind(v: Variable) -> str:
    if v.parents:
        return "operation"
    return "number" if is_number(v) else "variable"


# what a node and an arrow say
def _node(group: _Group, uses: int, cotangents: dict[Variable, Any], show: Callable[[Sequence[Any]], str]) -> Node:
    members = group.members
    if group.kind == "number":
        return Node("number", _between(_text([v]) for v in members))
    if group.kind == "repetition":
        members = members[len(group.signs) - 1 :: len(group.signs)]  # the last of each time
        signs = group.signs if len(group.signs) <= 6 else [*group.signs[:4], "…", group.signs[-1]]
        details = f"× {len(members)}", _name_and_shape(members)
        return Node(group.kind, " → ".join(signs), tuple(filter(None, details)))
    value, gradient = "", ""
    if uses != 1 and members[0] in cotangents:  # else the arrow says it
        totals = [plain(cotangents[v]) for v in members]
        gradient = ("Σ " if uses else "") + _text([sum(totals)] if _is_one_array(members) else totals)
    if uses == 0:
        value = show(members)
    if group.kind == "operation":
        details = _name_and_shape(members), _settings(members[0])
        ordered = members[0].rule not in _COMMUTATIVE
        return Node(group.kind, group.signs[0], tuple(filter(None, details)), value, gradient, ordered)
    title = _between(v.name or ("array" if v.shape else _text([v])) for v in members)
    details = (
        _between(_shape(v) for v in members),
        "" if members[0].name or _is_one_array(members) else f"× {len(members)}",
    )
    return Node(group.kind, title, tuple(filter(None, details)), value, gradient)


def _arrows(
    order: list[Variable],
    place: dict[Variable, int],
    repeated: dict[Variable, _Part],
    cotangents: dict[Variable, Any],
    show: Callable[[Sequence[Any]], str],
) -> list[Arrow]:
    values: dict[Any, list[Any]] = defaultdict(list)
    back: dict[Any, list[Any]] = defaultdict(list)
    asked = set(cotangents)
    for node in order:
        # once more, as the sweep adds up the cotangents of shared nodes in place
        dparents = pull_back(node, cotangents[node], asked) if node in asked else (None,) * len(node.parents)
        for slot, (parent, d) in enumerate(zip(node.parents, dparents)):
            key = place[parent], place[node], repeated.get(node, (0, 0))[1], slot
            values[key].append(parent)
            if d is not None:
                back[key].append(d)
    ends = [key for key in values if key[0] != key[1]]
    return [Arrow(key[0], key[1], show(values[key]), _text(back[key])) for key in ends]


def _is_one_array(members: list[Variable]) -> bool:
    return len(members) == 1 or (members[0].given is not None and len({id(v.given) for v in members}) == 1)


def _name_and_shape(members: list[Variable]) -> str:
    return f"{_between(v.name or '' for v in members)} {_between(map(_shape, members))}".strip()


def _shape(v: Variable) -> str:
    return str(tuple(v.shape)) if v.shape else ""


def _sign(node: Variable) -> str:
    name = rule_name(node.rule) if node.rule else ""
    return _SIGNS.get(name, name.replace("_", " "))


def _settings(node: Variable) -> str:
    """Return the keywords of a rule, without those that are off."""
    shown = {
        key: f" {np.shape(a)}" if _is_array(a) else f"={_setting(a)}"
        for key, a in node.kwargs.items()
        if a is not None and a is not False
    }
    return ", ".join(f"{key}{text}" for key, text in shown.items())


def _setting(a: Any) -> str:
    if isinstance(a, tuple | list):
        return f"({', '.join(map(_setting, a))})" if len(a) <= 6 else f"{len(a)} entries"
    if isinstance(a, slice):
        return (
            ":".join("" if part is None else str(part) for part in (a.start, a.stop, a.step)).removesuffix(":") or ":"
        )
    if a is Ellipsis:
        return "…"
    if _is_array(a):
        return f"array {np.shape(a)}"
    return f"{a:.3g}" if isinstance(a, float) else str(a)


def _is_array(a: Any) -> bool:
    return hasattr(a, "dtype") and a.shape != ()


def _text(arrays: Sequence[Any]) -> str:
    """Return the entries of an array, or its norm if there are many; of several arrays the first's and the last's."""
    found = [_read(plain(a)) for a in arrays]
    if len(found) != 1:
        return _between(norm(a, _DIGITS) if a.ndim else number(a, _DIGITS) for a in found)
    (a,) = found
    if a.ndim == 0:
        return number(a, _DIGITS)
    return _entries(a) if a.size <= _SMALL and a.shape[-1] <= _SHORT else norm(a, _DIGITS)


def _read(a: Any) -> Any:
    """Return an array as one of NumPy's, which are on the CPU and which nobody else differentiates."""
    for step in ("detach", "cpu", "get"):  # PyTorch's, PyTorch's on a GPU, CuPy's
        a = getattr(a, step)() if hasattr(a, step) else a
    return np.asarray(a)


def _entries(a: Any) -> str:
    """Return a row of the array a line, its columns aligned."""
    if a.size == 0:
        return "[]"
    rows = [[number(x, _DIGITS) for x in row] for row in np.reshape(a, (-1, a.shape[-1]))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows = [[text.rjust(width, "\N{NO-BREAK SPACE}") for text, width in zip(row, widths)] for row in rows]
    return "\n".join(f"[{' '.join(row)}]" for row in rows)


def _between(texts: Iterable[str]) -> str:
    """Return what several texts have in common, else the first and the last."""
    found = list(texts)
    if len(set(found)) <= 1:
        return "".join(found[:1])
    return f"{found[0]} … {found[-1]}".strip()
