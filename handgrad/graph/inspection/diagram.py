"""The content of a drawing, as text: boxes, and arrows that carry a value forward and a gradient back."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad import rules
from handgrad.arrays.namespace import is_array, to_numpy
from handgrad.graph.inspection.formatting import norm, number
from handgrad.graph.inspection.repetitions import repetitions
from handgrad.graph.names import describe, is_number, rule_name
from handgrad.graph.node import Node, unwrap
from handgrad.graph.reverse_mode import apply_pullback, gradients, topological_order
from handgrad.graph.variable import Variable

__all__ = ["Arrow", "Box", "Picture", "picture"]

#: Arrays of more entries, or of longer rows, are shown by their norm.
_MAX_ENTRIES, _MAX_ROW_LENGTH = 12, 4

_DIGITS = 3

#: Signs and names of operations, where they differ from the rules' names.
_SIGNS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "negative": "negative −", "power": "power ^",
    "matmul": "@", "sum": "Σ", "sqrt": "√", "absolute": "| · |", "relu": "ReLU", "leaky_relu": "leaky ReLU",
    "elu": "ELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU", "softmax_cross_entropy": "softmax loss",
    "l2": "penalty", "getitem": "[ · ]",
}  # fmt: skip

#: Rules whose arguments may be swapped.
_COMMUTATIVE = (rules.add, rules.multiply, rules.maximum, rules.minimum)


class Box(NamedTuple):
    """One box: of kind variable, number, operation or repetition, with its lines of text."""

    kind: str
    title: str
    details: tuple[str, ...] = ()
    value: str = ""
    gradient: str = ""
    #: True if the order of its arguments matters, as in a difference.
    ordered: bool = False


class Arrow(NamedTuple):
    """A value that flows forward between two nodes, given by their indices, and the gradient that flows back."""

    tail: int
    head: int
    value: str
    gradient: str


class Picture(NamedTuple):
    """The nodes in topological order, the arrows, and the name of the output of which gradients are shown, if any."""

    nodes: list[Box]
    arrows: list[Arrow]
    of: str


class _Group(NamedTuple):
    """Variables drawn as one node: the same array, or the same part of each repetition."""

    kind: str
    members: list[Node]
    signs: list[str]


def picture(output: Variable, show_gradients: bool, cotangent: Any, show_values: bool, fold: bool) -> Picture:
    """Return the content of the drawing by :func:`handgrad.graph.draw`."""
    if not isinstance(output, Variable):
        raise TypeError(f"draw: output must be a Variable, got {type(output).__name__}")
    if show_gradients and cotangent is None and output.shape != ():
        raise ValueError(
            f"the output must be a scalar to draw its gradients, got {describe(output)}: pass cotangent=, ∂J/∂output, "
            "or gradients=False"
        )
    order = topological_order(output)
    asked: list[Any] = [v for v in order if not is_number(v)] if show_gradients else []
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


# the grouping of variables into nodes
_Part = tuple[int, int]  # the index of the repetition, and of the operation in its sequence


def _repeated(order: list[Node]) -> dict[Node, _Part]:
    """Return the repetition and the part in it of each repeated operation; the output is never part of one."""
    operations = [node for node in order if node.parents][:-1]
    index = {node: i for i, node in enumerate(operations)}
    labels = [(node.rule, _settings(node)) for node in operations]
    reads = [[index.get(parent, -1) for parent in node.parents] for node in operations]
    return {
        operations[i]: (number, (i - r.start) % r.period)
        for number, r in enumerate(repetitions(labels, reads))
        for i in range(r.start, r.end)
    }


def _groups(order: list[Node], repeated: dict[Node, _Part]) -> list[_Group]:
    parts: dict[Any, set[Any]] = defaultdict(set)
    for node in order:
        for slot, parent in enumerate(node.parents):
            parts[_source(parent)].add((repeated.get(node, node), slot))
    merged: dict[Any, list[Node]] = defaultdict(list)
    for v in order:
        merged[_identity(v, repeated, parts[_source(v)])].append(v)
    return [_group(members, repeated) for members in merged.values()]


def _group(members: list[Node], repeated: dict[Node, _Part]) -> _Group:
    first = members[0]
    if first not in repeated:
        return _Group(_kind(first), members, [_sign(first)])
    period = 1 + max(repeated[v][1] for v in members)
    return _Group("repetition", members, [_sign(v) for v in members[:period]])


def _identity(v: Node, repeated: dict[Node, _Part], parts: set[Any]) -> Any:
    """Return a key that variables drawn as one node share."""
    if v in repeated:
        return repeated[v][0]
    if v.parents:
        return v
    if parts and all(isinstance(user, tuple) for user, _ in parts):  # only repetitions read it
        return _kind(v), frozenset(parts)
    return _source(v)


def _source(v: Node) -> Any:
    """Return a key that constants made of one array share."""
    return ("array", id(v.source)) if v.source is not None and not v.name else v


def _kind(v: Node) -> str:
    if v.parents:
        return "operation"
    return "number" if is_number(v) else "variable"


# the text of nodes and arrows
def _node(group: _Group, uses: int, cotangents: dict[Node, Any], show: Callable[[Sequence[Any]], str]) -> Box:
    members = group.members
    if group.kind == "number":
        return Box("number", _first_to_last(_text([v]) for v in members))
    if group.kind == "repetition":
        members = members[len(group.signs) - 1 :: len(group.signs)]  # the last operation of each repetition
        signs = group.signs if len(group.signs) <= 6 else [*group.signs[:4], "…", group.signs[-1]]
        details = f"× {len(members)}", _name_and_shape(members)
        return Box(group.kind, " → ".join(signs), tuple(filter(None, details)))
    value, gradient = "", ""
    if uses != 1 and members[0] in cotangents:  # else the arrow shows it
        totals = [unwrap(cotangents[v]) for v in members]
        gradient = ("Σ " if uses else "") + _text([sum(totals)] if _is_one_array(members) else totals)
    if uses == 0:
        value = show(members)
    if group.kind == "operation":
        details = _name_and_shape(members), _settings(members[0])
        ordered = members[0].rule not in _COMMUTATIVE
        return Box(group.kind, group.signs[0], tuple(filter(None, details)), value, gradient, ordered)
    title = _first_to_last(v.name or ("array" if v.shape else _text([v])) for v in members)
    details = (
        _first_to_last(_shape(v) for v in members),
        "" if members[0].name or _is_one_array(members) else f"× {len(members)}",
    )
    return Box(group.kind, title, tuple(filter(None, details)), value, gradient)


def _arrows(
    order: list[Node],
    place: dict[Node, int],
    repeated: dict[Node, _Part],
    cotangents: dict[Node, Any],
    show: Callable[[Sequence[Any]], str],
) -> list[Arrow]:
    values: dict[Any, list[Any]] = defaultdict(list)
    back: dict[Any, list[Any]] = defaultdict(list)
    asked = set(cotangents)
    for node in order:
        # called again, as the sweep adds up the cotangents of shared nodes in place
        dparents = apply_pullback(node, cotangents[node], asked) if node in asked else (None,) * len(node.parents)
        for slot, (parent, d) in enumerate(zip(node.parents, dparents)):
            key = place[parent], place[node], repeated.get(node, (0, 0))[1], slot
            values[key].append(parent)
            if d is not None:
                back[key].append(d)
    ends = [key for key in values if key[0] != key[1]]
    return [Arrow(key[0], key[1], show(values[key]), _text(back[key])) for key in ends]


def _is_one_array(members: list[Node]) -> bool:
    return len(members) == 1 or (members[0].source is not None and len({id(v.source) for v in members}) == 1)


def _name_and_shape(members: list[Node]) -> str:
    return f"{_first_to_last(v.name or '' for v in members)} {_first_to_last(map(_shape, members))}".strip()


def _shape(v: Node) -> str:
    return str(tuple(v.shape)) if v.shape else ""


def _sign(node: Node) -> str:
    name = rule_name(node.rule) if node.rule else ""
    return _SIGNS.get(name, name.replace("_", " "))


def _settings(node: Node) -> str:
    """Return the keywords of a rule that are neither None nor False."""
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
    return is_array(a) and a.shape != ()


def _text(arrays: Sequence[Any]) -> str:
    """Return the entries of an array, or its norm if there are many; for several arrays the first's and the last's."""
    found = [to_numpy(unwrap(a)) for a in arrays]
    if len(found) != 1:
        return _first_to_last(norm(a, _DIGITS) if a.ndim else number(a, _DIGITS) for a in found)
    (a,) = found
    if a.ndim == 0:
        return number(a, _DIGITS)
    return _entries(a) if a.size <= _MAX_ENTRIES and a.shape[-1] <= _MAX_ROW_LENGTH else norm(a, _DIGITS)


def _entries(a: Any) -> str:
    """Return one line for each row of the array, with aligned columns."""
    if a.size == 0:
        return "[]"
    rows = [[number(x, _DIGITS) for x in row] for row in np.reshape(a, (-1, a.shape[-1]))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows = [[text.rjust(width, "\N{NO-BREAK SPACE}") for text, width in zip(row, widths)] for row in rows]
    return "\n".join(f"[{' '.join(row)}]" for row in rows)


def _first_to_last(texts: Iterable[str]) -> str:
    """Return the text that all have in common, else the first and the last."""
    found = list(texts)
    if len(set(found)) <= 1:
        return "".join(found[:1])
    return f"{found[0]} … {found[-1]}".strip()
