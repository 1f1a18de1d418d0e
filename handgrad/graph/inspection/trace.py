"""Traces: each step of the forward and the backward pass, with the arrays that it saves, receives and passes on.

Derivation: ``docs/derivations/graph.md``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from textwrap import fill, wrap
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.graph.inspection.formatting import join_wrapped, norm, number, table
from handgrad.graph.inspection.saved_arrays import SavedArray, deduplicate, owner, saved_by, track_reads
from handgrad.graph.names import argument_names, describe, is_number, node_names, rule_name, unwrap_partials
from handgrad.graph.node import Node, unwrap
from handgrad.graph.pytree import tree_map
from handgrad.graph.reverse_mode import apply_pullback, seed, subgraph_to, sweep, topological_order
from handgrad.graph.variable import Variable

__all__ = ["Step", "Trace", "formula", "trace"]

#: Most entries of a local derivative: nobody reads more.
_MAX_ENTRIES = 10_000

_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the forward or the backward pass: an operation or a leaf.

    Attributes
    ----------
    direction : {"forward", "backward"}
    node : Variable
    name : str
        The node's own name, its argument's, or a generated one: v1, v2, … for results, c1, c2, … for constants.
    operation : str
        The rule's name; for a leaf "input", or "constant" if it gets no gradient.
    inputs : tuple of str
        The names of the arguments; a number's is its value.
    needs : tuple of bool
        For each input, True if it receives a cotangent.
    keeps : tuple of SavedArray
        The arrays that the pullback holds, each once; empty for a backward step.
    incoming : array
        ∂J/∂node, of the node's shape; None for a forward step.
    outgoing : dict of arrays
        The terms that this step adds to its inputs' cotangents, by name; empty for a forward step.
    uses : tuple of SavedArray
        The saved arrays whose entries the pullback reads; of an array saved for its shape it reads none.
    """

    direction: str
    node: Node = field(repr=False)
    name: str
    operation: str
    inputs: tuple[str, ...]
    needs: tuple[bool, ...]
    keeps: tuple[SavedArray, ...] = ()
    incoming: Array | None = None
    outgoing: dict[str, Array] = field(default_factory=dict)
    uses: tuple[SavedArray, ...] = ()

    @property
    def value(self) -> Array:
        """The node's value."""
        return unwrap(self.node)

    @property
    def formula(self) -> str:
        """The local derivative in the rule's own letters, such as ``dx = dz y, dy = dz x``."""
        return formula(self.node.rule)

    def local_derivative(self) -> dict[str, Array]:
        """Return the derivative of the value by each input that needs a cotangent, by name.

        Each of its rows is the pullback of a cotangent that is 1 in one entry. For scalars it is the number on the
        graph's edge. An input that went in twice has the sum.

        Returns
        -------
        dict of arrays
            Of shape value.shape + input.shape.

        Raises
        ------
        ValueError
            If one has more than 10,000 entries.

        Examples
        --------
        >>> from handgrad import graph
        >>> product = graph.trace(lambda x, y: x * y, 3.0, 2.0).steps[2]
        >>> product.operation, product.local_derivative()
        ('multiply', {'x': array(2.), 'y': array(3.)})

        References
        ----------
        ``docs/derivations/graph.md``.
        """
        value = self.value
        wanted = [(name, x) for name, x, needs in zip(self.inputs, self.node.parents, self.needs) if needs]
        for name, x in wanted:
            if value.size * x.size > _MAX_ENTRIES:
                raise ValueError(
                    f"a local derivative must have at most {_MAX_ENTRIES:,} entries, got {value.size * x.size:,}: "
                    f"{describe(self.node)} by {name} of shape {x.shape}"
                )
        jacobians = {name: np.zeros(value.shape + x.shape, value.dtype) for name, x in wanted}
        for entry in np.ndindex(value.shape):
            unit = np.zeros(value.shape, value.dtype)
            unit[entry] = 1
            for name, row in _outgoing(self, unit).items():
                jacobians[name][entry] = row
        return jacobians


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """The steps of a function and of its gradient; printed, a table.

    Attributes
    ----------
    steps : tuple of Step
        First the forward steps, in the order of the program; then the backward steps, in the order of the sweep.
    """

    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def forward(self) -> tuple[Step, ...]:
        """The forward steps."""
        return tuple(step for step in self if step.direction == "forward")

    @property
    def backward(self) -> tuple[Step, ...]:
        """The backward steps."""
        return tuple(step for step in self if step.direction == "backward")

    @property
    def kept(self) -> tuple[SavedArray, ...]:
        """The arrays that all pullbacks hold, each once."""
        return deduplicate(saved for step in self.forward for saved in step.keeps)

    @property
    def used(self) -> tuple[SavedArray, ...]:
        """The saved arrays that the backward pass reads."""
        return deduplicate(saved for step in self.backward for saved in step.uses)

    def __str__(self) -> str:
        forward = [
            [str(i), s.name, fill(_call(s), 30), fill(_shown(s.value), 26), join_wrapped(map(str, s.keeps), 32)]
            for i, s in enumerate(self.forward, start=1)
        ]
        backward = [
            [
                str(i),
                "\n".join([f"{s.name}: {s.operation}", *wrap(s.formula, 26)]),
                fill(_shown(s.incoming), 26),
                "\n".join(fill(f"d{name}: {_shown(d)}", 30) for name, d in s.outgoing.items()),
                join_wrapped((saved.name for saved in s.uses), 24),
            ]
            for i, s in enumerate(self.backward, start=1 + len(forward))
        ]
        return "\n".join(
            [
                "forward",
                *table(["step", "name", "operation", "value", "keeps"], forward),
                "",
                "backward",
                *table(["step", "operation, derivative", "incoming", "outgoing", "uses"], backward),
                "",
                self._summary(),
            ]
        )

    __repr__ = __str__

    def _summary(self) -> str:
        saved = self.kept
        forward, backward = (sum(s.node.rule is not None for s in steps) for steps in (self.forward, self.backward))
        names = fill(f"kept in all: {', '.join(a.name for a in saved) or 'nothing'}", 120)
        return (
            f"{names}\n{len(saved)} arrays, {sum(a.nbytes for a in saved):,} B, {len(self.used)} of them reused; "
            f"operations: {forward} forward, {backward} backward"
        )


def trace(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Trace:
    """Return the forward and backward steps that compute f and its gradient.

    Parameters
    ----------
    f : callable
        Returns a scalar. For an f that returns an array trace a scalar of it, such as ``np.sum(c * f(x))`` for the
        cotangent c.
    *args : float, NumPy array, Variable, or a dict, list or tuple of them
        The arguments to differentiate by, named by f's parameters and the keys of dicts. Anything that is not floating,
        such as labels or None, is passed on unchanged.
    **kwargs
        Passed on unchanged, and not differentiated by.

    Returns
    -------
    Trace

    Raises
    ------
    TypeError
        If no positional argument is floating.
    ValueError
        If f returns no scalar, or one that does not depend on these arguments.

    Examples
    --------
    >>> from handgrad import graph
    >>> print(graph.trace(lambda x, y: x * y + x, 3.0, 2.0))
    forward
    step  name  operation       value  keeps
    ----  ----  --------------  -----  -----------------
    1     x     input           3
    2     y     input           2
    3     v1    multiply(x, y)  6      x (8 B), y (8 B)
    4     v2    add(v1, x)      9      v1 (8 B), x (8 B)
    <BLANKLINE>
    backward
    step  operation, derivative  incoming  outgoing  uses
    ----  ---------------------  --------  --------  ----
    5     v2: add                1         dv1: 1
          dx = dz, dy = dz                 dx: 1
    6     v1: multiply           1         dx: 2     x, y
          dx = dz y, dy = dz x             dy: 3
    7     y: input               3
    8     x: input               3
    <BLANKLINE>
    kept in all: x, y, v1
    3 arrays, 24 B, 2 of them reused; operations: 2 forward, 2 backward

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    arguments: dict[Node, str] = {}
    array_names: dict[int, str] = {}

    def as_input(a: Any, name: str | None) -> Any:
        if isinstance(a, float | np.floating) or (isinstance(a, np.ndarray) and a.dtype.kind == "f"):
            a = Variable(a)
        if isinstance(a, Variable):
            arguments[a] = str(name)
        elif isinstance(a, np.ndarray):
            array_names[id(a)] = str(name)
        return a

    names = argument_names(f, len(args))
    inputs = [tree_map(as_input, a, None if isinstance(a, dict) else name) for a, name in zip(args, names)]
    tree_map(lambda a, name: array_names.setdefault(id(a), str(name)) if isinstance(a, np.ndarray) else None, kwargs)
    if not arguments:
        kinds = ", ".join(type(a).__name__ for a in args) or "none"
        raise TypeError(f"trace: a positional argument must be a float or an array of floats, got {kinds}")
    output = f(*inputs, **kwargs)
    if not isinstance(output, Variable):
        raise ValueError(f"trace: the result must depend on the arguments, got {type(output).__name__}")
    if output.shape != ():
        raise ValueError(f"trace: the result must be a scalar, got {describe(output)}: sum it")
    return Trace(_steps(output, arguments, array_names))


def formula(rule: Callable[..., Any] | None) -> str:
    """Return a rule's pullback in its own letters, such as ``dx = dz y, dy = dz x``; "" if it has no ``formula``."""
    return str(getattr(unwrap_partials(rule), "formula", "")) if rule else ""


def _steps(output: Node, arguments: dict[Node, str], array_names: dict[int, str]) -> tuple[Step, ...]:
    """Return the forward steps, then those of the sweep, given the names of the arguments and of other arrays."""
    graph = topological_order(output)
    order = subgraph_to(arguments, output)
    if not order:
        raise ValueError("trace: the result must depend on the arguments, got one that does not")
    names, wanted = node_names(graph, arguments, array_names), set(order)
    owners = array_names | {id(owner(unwrap(node))): name for node, name in reversed(names.items())}
    forward = {
        node: Step(
            "forward",
            node,
            names[node],
            _operation(node, wanted),
            tuple(names[parent] for parent in node.parents),
            tuple(parent in wanted for parent in node.parents),
            saved_by(node, owners),
        )
        for node in graph
        if node in arguments or not is_number(node)
    }
    backward = [_backward_step(forward[node], dnode) for node, dnode, _ in sweep(order, {output: seed(output, None)})]
    return (*forward.values(), *backward)


def _backward_step(step: Step, dnode: Array) -> Step:
    """Return the backward step of a node whose cotangent is complete."""
    incoming = np.array(unwrap(dnode))
    with track_reads(step.node.backward) as unread:
        outgoing = _outgoing(step, incoming)
    uses = tuple(saved for saved in step.keeps if outgoing and id(saved.array) not in unread)
    return replace(step, direction="backward", keeps=(), incoming=incoming, outgoing=outgoing, uses=uses)


def _outgoing(step: Step, dnode: Array) -> dict[str, Array]:
    """Return the cotangents of the inputs that need one, by name, as copies: the sweep adds to its own in place."""
    parents = step.node.parents
    wanted = {parent for parent, needs in zip(parents, step.needs) if needs}
    found: dict[str, Array] = {}
    for name, needs, d in zip(step.inputs, step.needs, apply_pullback(step.node, dnode, wanted)):
        if needs:
            found[name] = found[name] + unwrap(d) if name in found else np.array(unwrap(d))
    return found


def _operation(node: Node, wanted: set[Node]) -> str:
    if node.rule:
        return rule_name(node.rule)
    return "input" if node in wanted else "constant"


def _call(step: Step) -> str:
    return f"{step.operation}({', '.join(step.inputs)})" if step.node.rule else step.operation


def _shown(a: Array) -> str:
    """Return a small array's entries, a large one's shape and norm."""
    if a.size > 4:
        return f"{a.shape} {norm(a, _DIGITS)}"
    text = np.array2string(np.asarray(a), separator=", ", formatter={"float_kind": lambda x: number(x, _DIGITS)})
    return " ".join(text.split())
