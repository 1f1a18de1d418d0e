"""Stepping: each operation on the way forward and on the way back, with what it keeps, receives and hands on.

Derivation: ``docs/derivations/graph.md``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from textwrap import fill, wrap
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.graph.inspection.formatting import norm, number
from handgrad.graph.inspection.saved_arrays import Kept, kept_by, once, owner, watching
from handgrad.graph.inspection.tables import join_wrapped, table
from handgrad.graph.names import argument_names, called, is_number, node_names, rule_name, within_partials
from handgrad.graph.pytree import tree_map
from handgrad.graph.reverse_mode import leading_to, pull_back, seed, sweep, topological_order
from handgrad.graph.variable import Variable, plain

__all__ = ["Step", "Trace", "formula", "trace"]

#: More entries than anybody steps through.
_MOST_ENTRIES = 10_000

_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Step:
    """One node on the way forward or backward: an operation, or a leaf, which nothing was done to.

    Attributes
    ----------
    direction : {"forward", "backward"}
    node : Variable
    name : str
        The node's own, its argument's, or an invented one: v1, v2, … for results, c1, c2, … for constants.
    operation : str
        The rule's name; of a leaf "input", or "constant" where no gradient is asked for.
    inputs : tuple of str
        The names of what went in; a number's is its value.
    needs : tuple of bool
        For each input, whether a cotangent is handed on to it.
    keeps : tuple of Kept
        What the pullback holds, each array once; of a backward step empty.
    incoming : array
        ∂J/∂node, of the node's shape; of a forward step None.
    outgoing : dict of arrays
        By the input's name, what this step adds to its cotangent; of a forward step empty.
    uses : tuple of Kept
        What was kept and whose entries the pullback reads: of an array kept for its shape alone it reads none.
    """

    direction: str
    node: Variable = field(repr=False)
    name: str
    operation: str
    inputs: tuple[str, ...]
    needs: tuple[bool, ...]
    keeps: tuple[Kept, ...] = ()
    incoming: Array | None = None
    outgoing: dict[str, Array] = field(default_factory=dict)
    uses: tuple[Kept, ...] = ()

    @property
    def value(self) -> Array:
        """The node's value."""
        return plain(self.node)

    @property
    def formula(self) -> str:
        """The local derivative in the rule's own letters, such as ``dx = dz y, dy = dz x``."""
        return formula(self.node.rule)

    def local_derivative(self) -> dict[str, Array]:
        """Return by its name, for each input that needs a cotangent, the derivative of the value by this input alone.

        Row by row it is what the pullback makes of a cotangent that is 1 in one entry. Of scalars it is the number
        that one writes on the edge. An input that went in twice has the sum.

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
            if value.size * x.size > _MOST_ENTRIES:
                raise ValueError(
                    f"a local derivative expected at most {_MOST_ENTRIES:,} entries, given {called(self.node)} by "
                    f"{name} of shape {x.shape}: {value.size * x.size:,}"
                )
        jacobians = {name: np.zeros(value.shape + x.shape, value.dtype) for name, x in wanted}
        for entry in np.ndindex(value.shape):
            unit = np.zeros(value.shape, value.dtype)
            unit[entry] = 1
            for name, row in _handed_on(self, unit).items():
                jacobians[name][entry] = row
        return jacobians


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """The steps of a function and of its gradient, one by one; printed, a table.

    Attributes
    ----------
    steps : tuple of Step
        First those forward, in the order of the program; then those backward, in the order of the sweep.
    """

    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def forward(self) -> tuple[Step, ...]:
        """The steps forward."""
        return tuple(step for step in self if step.direction == "forward")

    @property
    def backward(self) -> tuple[Step, ...]:
        """The steps backward."""
        return tuple(step for step in self if step.direction == "backward")

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What the pullbacks hold together, each array once."""
        return once(kept for step in self.forward for kept in step.keeps)

    @property
    def used(self) -> tuple[Kept, ...]:
        """What of that the way back reads."""
        return once(kept for step in self.backward for kept in step.uses)

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
                join_wrapped((kept.name for kept in s.uses), 24),
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
        kept = self.kept
        forward, backward = (sum(s.node.rule is not None for s in way) for way in (self.forward, self.backward))
        names = fill(f"kept in all: {', '.join(k.name for k in kept) or 'nothing'}", 120)
        return (
            f"{names}\n{len(kept)} arrays, {sum(k.nbytes for k in kept):,} B, {len(self.used)} of them reused; "
            f"operations: {forward} forward, {backward} backward"
        )


def trace(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Trace:
    """Return the steps by which f and its gradient are computed, forward and backward, one by one.

    Parameters
    ----------
    f : callable
        Returns a scalar. For another function trace the scalar that is meant, such as ``np.sum(c * f(x))`` for the
        cotangent c.
    *args : float, NumPy array, Variable, or a dict, list or tuple of them
        What f is differentiated by, named by f's parameters and the keys of dicts. What is not floating, such as
        labels, is handed on as it is, and so is None.
    **kwargs
        Handed on as they are, and not differentiated by.

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
    arguments: dict[Variable, str] = {}
    handed: dict[int, str] = {}

    def taken(a: Any, name: str | None) -> Any:
        if isinstance(a, float | np.floating) or (isinstance(a, np.ndarray) and a.dtype.kind == "f"):
            a = Variable(a)
        if isinstance(a, Variable):
            arguments[a] = str(name)
        elif isinstance(a, np.ndarray):
            handed[id(a)] = str(name)
        return a

    names = argument_names(f, len(args))
    given = [tree_map(taken, a, None if isinstance(a, dict) else name) for a, name in zip(args, names)]
    tree_map(lambda a, name: handed.setdefault(id(a), str(name)) if isinstance(a, np.ndarray) else None, kwargs)
    if not arguments:
        kinds = ", ".join(type(a).__name__ for a in args) or "none"
        raise TypeError(f"trace expected a float or an array of floats among the positional arguments, given {kinds}")
    output = f(*given, **kwargs)
    if not isinstance(output, Variable):
        raise ValueError(f"trace expected a result that depends on the arguments, given {type(output).__name__}")
    if output.shape != ():
        raise ValueError(f"trace expected a scalar as result, given {called(output)}: sum it")
    return Trace(_steps(output, arguments, handed))


def formula(rule: Callable[..., Any] | None) -> str:
    """Return a rule's pullback in its own letters, such as ``dx = dz y, dy = dz x``; "" if it has no ``formula``."""
    return str(getattr(within_partials(rule), "formula", "")) if rule else ""


def _steps(output: Variable, arguments: dict[Variable, str], handed: dict[int, str]) -> tuple[Step, ...]:
    """Return the steps forward, then those of the sweep, given the names of the arguments and of other arrays."""
    graph = topological_order(output)
    order = leading_to(arguments, output)
    if not order:
        raise ValueError("trace expected a result that depends on the arguments, given one that does not")
    names, wanted = node_names(graph, arguments, handed), set(order)
    held = handed | {id(owner(plain(node))): name for node, name in reversed(names.items())}
    forward = {
        node: Step(
            "forward",
            node,
            names[node],
            _operation(node, wanted),
            tuple(names[parent] for parent in node.parents),
            tuple(parent in wanted for parent in node.parents),
            kept_by(node, held),
        )
        for node in graph
        if node in arguments or not is_number(node)
    }
    backward = [_way_back(forward[node], dnode) for node, dnode, _ in sweep(order, {output: seed(output, None)})]
    return (*forward.values(), *backward)


def _way_back(step: Step, dnode: Array) -> Step:
    """Return the step back through a node whose cotangent is complete."""
    incoming = np.array(plain(dnode))
    with watching(step.node.backward) as unread:
        outgoing = _handed_on(step, incoming)
    uses = tuple(kept for kept in step.keeps if outgoing and id(kept.array) not in unread)
    return replace(step, direction="backward", keeps=(), incoming=incoming, outgoing=outgoing, uses=uses)


def _handed_on(step: Step, dnode: Array) -> dict[str, Array]:
    """Return by name what the pullback makes of a cotangent for those inputs that need one.

    The sweep goes on adding to its own arrays: these are others.
    """
    parents = step.node.parents
    wanted = {parent for parent, needs in zip(parents, step.needs) if needs}
    found: dict[str, Array] = {}
    for name, needs, d in zip(step.inputs, step.needs, pull_back(step.node, dnode, wanted)):
        if needs:
            found[name] = found[name] + plain(d) if name in found else np.array(plain(d))
    return found


def _operation(node: Variable, wanted: set[Variable]) -> str:
    if node.rule:
        return rule_name(node.rule)
    return "input" if node in wanted else "constant"


def _call(step: Step) -> str:
    return f"{step.operation}({', '.join(step.inputs)})" if step.node.rule else step.operation


def _shown(a: Array) -> str:
    """Return a small array as it is, a large one as its shape and norm."""
    if a.size > 4:
        return f"{a.shape} {norm(a, _DIGITS)}"
    text = np.array2string(np.asarray(a), separator=", ", formatter={"float_kind": lambda x: number(x, _DIGITS)})
    return " ".join(text.split())
