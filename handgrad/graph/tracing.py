"""Stepping: each operation on the way forward and on the way back, with what it keeps, receives and hands on.

Derivation: ``docs/derivations/graph.md``.
"""

import inspect
import itertools
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from handgrad.graph.differentiation import _map, _pull_back, _seed, called, leading_to, sweep, topological_order
from handgrad.graph.variable import Variable, plain
from handgrad.namespace import Array

__all__ = ["Kept", "Step", "Trace", "formula", "trace"]

#: More entries than anybody steps through.
_MOST_ENTRIES = 10_000


@dataclass(frozen=True, eq=False)
class Kept:
    """An array that a pullback holds from the forward pass on.

    Attributes
    ----------
    name : str
        The name of the node whose value it is; else "its own array" and the pullback's word for it.
    array : array
        The whole of it, even where the pullback holds a view.
    """

    name: str
    array: Array

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return int(self.array.nbytes)

    def __str__(self) -> str:
        return f"{self.name} ({self.nbytes:,} B)"


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
        return _once(kept for step in self.forward for kept in step.keeps)

    @property
    def used(self) -> tuple[Kept, ...]:
        """What of that the way back reads."""
        return _once(kept for step in self.backward for kept in step.uses)

    def __str__(self) -> str:
        numbered = list(enumerate(self, start=1))
        forward = [
            [str(i), step.name, _call(step), _shown(step.value), _listed(map(str, step.keeps))]
            for i, step in numbered
            if step.direction == "forward"
        ]
        backward = [
            [
                *(str(i), f"{step.name}: {step.operation}", textwrap.fill(step.formula, 26), _shown(step.incoming)),
                "\n".join(f"d{name}: {_shown(d)}" for name, d in step.outgoing.items()),
                _listed(kept.name for kept in step.uses),
            ]
            for i, step in numbered
            if step.direction == "backward"
        ]
        return "\n".join(
            [
                "forward",
                *_table(["step", "name", "operation", "value", "keeps"], forward),
                "",
                "backward",
                *_table(["step", "operation", "local derivative", "incoming", "outgoing", "uses"], backward),
                "",
                self._summary(),
            ]
        )

    __repr__ = __str__

    def _summary(self) -> str:
        kept = self.kept
        forward, backward = (sum(s.node.rule is not None for s in way) for way in (self.forward, self.backward))
        names = textwrap.fill(f"kept in all: {', '.join(k.name for k in kept) or 'nothing'}", 120)
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
    step  operation     local derivative      incoming  outgoing  uses
    ----  ------------  --------------------  --------  --------  ----
    5     v2: add       dx = dz, dy = dz      1         dv1: 1
                                                        dx: 1
    6     v1: multiply  dx = dz y, dy = dz x  1         dx: 2     x, y
                                                        dy: 3
    7     y: input                            3
    8     x: input                            3
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

    names = _argument_names(f, len(args))
    given = [_map(taken, a, None if isinstance(a, dict) else name) for a, name in zip(args, names)]
    _map(lambda a, name: handed.setdefault(id(a), str(name)) if isinstance(a, np.ndarray) else None, kwargs)
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
    """Return a rule's pullback as its docstring says it, such as ``dx = dz y, dy = dz x``; "" where it says nothing."""
    docstring = inspect.getdoc(rule) if rule else None
    text = " ".join(re.split(r"\n\w+\n-{3,}", docstring or "")[0].split())  # without the sections
    found = re.search(r"\b(pullback|slope)(?:,|:| is)? (.+?)(?=[.:;](?: |$)|, (?:each|without) )", text)
    if found is None:
        return ""
    return found[2] if found[1] == "pullback" else f"dz = dh · slope, slope {found[2]}"


def _steps(output: Variable, arguments: dict[Variable, str], handed: dict[int, str]) -> tuple[Step, ...]:
    """Return the steps forward, then those of the sweep, given the names of the arguments and of other arrays."""
    graph = sorted(topological_order(output), key=lambda node: node.made)
    order = leading_to(arguments, output)
    if not order:
        raise ValueError("trace expected a result that depends on the arguments, given one that does not")
    names, wanted = _names(graph, arguments, handed), set(order)
    words = handed | {id(_owner(plain(node))): name for node, name in reversed(names.items())}
    forward = {
        node: Step(
            "forward",
            node,
            names[node],
            _operation(node, wanted),
            tuple(names[parent] for parent in node.parents),
            tuple(parent in wanted for parent in node.parents),
            _keeps(node, words),
        )
        for node in graph
        if node in arguments or not _is_number(node)
    }
    backward = [_way_back(forward[node], dnode) for node, dnode, _ in sweep(order, {output: _seed(output, None)})]
    return (*forward.values(), *backward)


def _way_back(step: Step, dnode: Array) -> Step:
    """Return the step back through a node whose cotangent is complete."""
    incoming = np.array(plain(dnode))
    outgoing = _handed_on(step, incoming)
    uses = _uses(step, incoming) if outgoing else ()
    return replace(step, direction="backward", keeps=(), incoming=incoming, outgoing=outgoing, uses=uses)


def _handed_on(step: Step, dnode: Array) -> dict[str, Array]:
    """Return by name what the pullback makes of a cotangent for those inputs that need one.

    The sweep goes on adding to its own arrays: these are others.
    """
    parents = step.node.parents
    wanted = {parent for parent, needs in zip(parents, step.needs) if needs}
    found: dict[str, Array] = {}
    for name, needs, d in zip(step.inputs, step.needs, _pull_back(step.node, dnode, wanted)):
        if needs:
            found[name] = found[name] + plain(d) if name in found else np.array(plain(d))
    return found


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first positional parameters, x0, x1, … where f does not say them."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except ValueError:  # of a function in C
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names + [f"x{i}" for i in range(len(names), count)])[:count]


def _names(graph: list[Variable], arguments: dict[Variable, str], handed: dict[int, str]) -> dict[Variable, str]:
    """Return a name for each node, all different but for numbers, which are called by their value."""
    names: dict[Variable, str] = {}
    taken: set[str] = set()
    for node in graph:
        name = node.name or arguments.get(node) or handed.get(id(node.given))
        if name:
            others = (f"{name}_{i}" for i in itertools.count(2))
            names[node] = next(n for n in itertools.chain([name], others) if n not in taken)
            taken.add(names[node])
    results, constants = _invented("v", taken), _invented("c", taken)
    for node in graph:
        if node not in names:
            names[node] = f"{float(node):g}" if _is_number(node) else next(results if node.rule else constants)
    return {node: names[node] for node in graph}


def _invented(letter: str, taken: set[str]) -> Iterator[str]:
    return (name for i in itertools.count(1) if (name := f"{letter}{i}") not in taken)


def _is_number(node: Variable) -> bool:
    """Whether a leaf that is no argument is a number that stood in the program."""
    return node.rule is None and node.given is None and node.shape == () and node.name is None


def _operation(node: Variable, wanted: set[Variable]) -> str:
    if node.rule:
        return node.rule.__name__
    return "input" if node in wanted else "constant"


def _cells(pullback: Any, seen: set[int]) -> Iterator[tuple[str, CellType]]:
    """Yield each cell of a closure, and of the closures in it, with its word in the code."""
    if not isinstance(pullback, FunctionType | MethodType):
        return
    for word, cell in zip(pullback.__code__.co_freevars, pullback.__closure__ or ()):
        if id(cell) not in seen:
            seen.add(id(cell))
            yield word, cell
            yield from _cells(cell.cell_contents, seen)


def _arrays(contents: Any) -> list[Array]:
    """Return the arrays in what a cell holds."""
    if isinstance(contents, tuple | list):
        return [a for part in contents for a in _arrays(part)]
    return [a for a in [plain(contents)] if isinstance(a, np.ndarray | np.generic)]


def _keeps(node: Variable, words: dict[int, str]) -> tuple[Kept, ...]:
    words = {id(_owner(a)): key for key, value in node.kwargs.items() for a in _arrays(value)} | words
    return _once(
        Kept(words.get(id(_owner(a)), f"its own array {word}"), _owner(a))
        for word, cell in _cells(node.backward, set())
        for a in _arrays(cell.cell_contents)
    )


def _owner(a: Array) -> Array:
    """Return the array whose memory a view shows."""
    while isinstance(base := getattr(a, "base", None), np.ndarray):
        a = base
    return a


def _once(kept: Iterable[Kept]) -> tuple[Kept, ...]:
    """Return each array under the first name that it is met with."""
    found: dict[int, Kept] = {}
    for k in kept:
        found.setdefault(id(k.array), k)
    return tuple(found.values())


def _uses(step: Step, dnode: Array) -> tuple[Kept, ...]:
    """Return what the pullback reads when it runs: it is given views that notice.

    Masks and indices are not watched: NumPy does not say when they are read, but nobody keeps one for its shape.
    """
    floating = [
        (cell, a)
        for _, cell in _cells(step.node.backward, set())
        if isinstance(a := cell.cell_contents, np.ndarray | np.generic) and a.dtype.kind == "f"
    ]
    read: set[int] = set()
    try:
        for cell, a in floating:
            cell.cell_contents = _Watched.over(a, read)
        _handed_on(step, dnode)
    finally:
        for cell, a in floating:
            cell.cell_contents = a
    unread = {id(_owner(a)) for _, a in floating} - read
    return tuple(kept for kept in step.keeps if id(kept.array) not in unread)


class _Watched(np.ndarray[Any, Any]):
    """A view of an array that notes when entries are read; shape and dtype are no entries."""

    _owner_id: int
    _read: set[int] | None = None

    @classmethod
    def over(cls, a: Array, read: set[int]) -> "_Watched":
        """Return a view that puts the array's owner among those that are read."""
        view = np.asarray(a).view(cls)
        view._owner_id, view._read = id(_owner(a)), read
        return view

    def _entries(self) -> Array:
        if self._read is not None:
            self._read.add(self._owner_id)
        return self.view(np.ndarray)

    def __getitem__(self, index: Any) -> Any:
        return self._entries()[index]

    def __array_finalize__(self, a: Any) -> None:  # of a view, such as the transpose
        if isinstance(a, _Watched):
            a._entries()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_plainly(inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*_plainly(args), **kwargs)


def _plainly(args: Sequence[Any]) -> Any:
    """Return arguments with the entries of what is watched, which notes that they are read."""
    return _map(lambda a, _: a._entries() if isinstance(a, _Watched) else a, tuple(args))


def _call(step: Step) -> str:
    return f"{step.operation}({', '.join(step.inputs)})" if step.node.rule else step.operation


def _shown(a: Array) -> str:
    """Return a small array as it is, a large one as its shape and norm."""
    if a.size > 4:
        return f"{a.shape} norm {np.linalg.norm(np.ravel(a)):.4g}"
    text = np.array2string(np.asarray(a), separator=", ", formatter={"float_kind": "{:.4g}".format})
    return " ".join(text.split())


def _listed(parts: Iterable[str]) -> str:
    """Return parts one after the other, in lines that break only between them."""
    unbroken = ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return textwrap.fill(unbroken, 32, break_long_words=False).replace("\N{NO-BREAK SPACE}", " ")


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table whose cells may have several."""
    split = [[cell.split("\n") for cell in row] for row in [head, *rows]]
    widths = [max(_width(line) for row in split for line in row[i]) for i in range(len(head))]
    lines = [
        "  ".join(line + " " * (width - _width(line)) for line, width in zip(parts, widths)).rstrip()
        for row in split
        for parts in itertools.zip_longest(*row, fillvalue="")
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _width(text: str) -> int:
    return sum(not unicodedata.combining(c) for c in text)
