"""Reverse mode: the graph is walked once, from the output back, and every use of a variable adds to its cotangent.

Derivation: ``docs/derivations/graph.md``.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array, check_same_library, device, namespace, zeros
from handgrad.graph.names import called
from handgrad.graph.pytree import tree_map
from handgrad.graph.variable import Variable, constant, fingerprint, leaf, plain
from handgrad.rules import RULES

__all__ = [
    "gradients",
    "leading_to",
    "pull_back",
    "seed",
    "sweep",
    "takes_needs",
    "topological_order",
    "value_and_grad",
]

#: The ids of the rules that are proved to give new arrays of the arguments' shapes.
_OURS = frozenset(map(id, RULES.values()))

#: Numbers the calls of value_and_grad, so that of two nested ones the inner has the higher level.
_levels = itertools.count(1)

Cotangents = tuple[Any, ...]


def sweep(order: list[Variable], cotangents: dict[Variable, Array]) -> Iterator[tuple[Variable, Array, Cotangents]]:
    """Yield each node, the last first, with its cotangent and those of its parents.

    This is eq. graph-recursion.

    ``cotangents`` has that of the last. Both are used up, so that what is behind can be freed; a parent that is not in
    ``order`` gets no cotangent.
    """
    wanted = set(order)
    while order:
        node = order.pop()
        wanted.remove(node)
        dnode = cotangents.pop(node)  # complete: all that use the node came before
        dparents = pull_back(node, dnode, wanted)
        for parent, d in zip(node.parents, dparents):
            if parent in wanted:
                cotangents[parent] = _add(cotangents[parent], d) if parent in cotangents else d
        yield node, dnode, dparents


def gradients(output: Variable, *inputs: Variable, cotangent: Any = None) -> tuple[Array, ...]:
    """Return the gradient of ``output`` with respect to each of the inputs, which may lie anywhere in its graph.

    Nothing is stored in the graph: to call it again gives the same again.

    Parameters
    ----------
    output : Variable
        A scalar, unless a cotangent is given.
    *inputs : Variable
        What ``output`` was made of.
    cotangent : array, optional
        ∂J/∂output for some J beyond, of output's shape; the gradient is then J's.

    Returns
    -------
    tuple of arrays
        For each input one of its shape and dtype.

    Raises
    ------
    TypeError
        If the output or an input is no Variable.
    ValueError
        If an input is not in the output's graph; the output is no scalar and there is no cotangent, or one of another
        shape; an array that the graph was given has since been changed in place; or the graph has a cycle.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.graph import Variable, gradients
    >>> x, y = Variable(3.0), Variable(2.0)
    >>> dx, dy = gradients(x * y + x, x, y)
    >>> float(dx), float(dy)
    (3.0, 3.0)

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    for variable in (output, *inputs):
        if not isinstance(variable, Variable):
            raise TypeError(f"gradients expected Variables, given {type(variable).__name__}")
    order, wanted = leading_to(inputs, output), set(inputs)
    for x in wanted.difference(order):
        raise ValueError(f"{called(x)} is not in the graph of the output, which does not depend on it")
    found = {node: dnode for node, dnode, _ in sweep(order, {output: seed(output, cotangent)}) if node in wanted}
    return tuple(found[x] for x in inputs)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that evaluates ``f`` and its gradient, as ``jax.value_and_grad`` does.

    Parameters
    ----------
    f : callable
        Returns a scalar. Its arguments may be arrays, floats, and dicts, lists and tuples of them.
    argnums : int or sequence of int
        Which positional arguments to differentiate by.
    has_aux : bool
        Whether ``f`` returns a pair, of which the second is not differentiated but handed on.

    Returns
    -------
    callable
        Takes what ``f`` takes and returns the value, or (value, aux), and the gradient: a tree of arrays like the
        argument's, or for several argnums a tuple of them. What ``f`` does not depend on has a gradient of zeros.

    Raises
    ------
    TypeError
        If an argument to differentiate by is not made of real floating arrays.
    ValueError
        If ``f`` returns no scalar, a Variable of another call leaks into it, or an array changes while it is called.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.graph import value_and_grad
    >>> J, grads = value_and_grad(lambda p: np.sum(p["W"] ** 2))({"W": np.array([1.0, 2.0])})
    >>> float(J), grads
    (5.0, {'W': array([2., 4.])})
    >>> slope = lambda x: value_and_grad(lambda x: x**3)(x)[1]
    >>> float(value_and_grad(slope)(2.0)[1])  # 6 x: a gradient of a gradient
    12.0

    References
    ----------
    ``docs/derivations/graph.md``.
    """

    @functools.wraps(f)
    def value_and_grad_of_f(*args: Any, **kwargs: Any) -> Any:
        level = next(_levels)
        chosen = [range(len(args))[i] for i in ((argnums,) if isinstance(argnums, int) else argnums)]
        wanted: set[Variable] = set()

        def taken(a: Any, name: str | None) -> Variable:
            wanted.add(x := leaf(a, level, name))
            return x

        inputs = {i: tree_map(taken, args[i]) for i in chosen}
        output = f(*(inputs.get(i, a) for i, a in enumerate(args)), **kwargs)
        output, aux = output if has_aux else (output, None)
        order: list[Variable] = []
        cotangents: dict[Variable, Array] = {}
        if isinstance(output, Variable) and output.level >= level:
            if output.level > level:
                raise ValueError("the function returned a Variable that belongs to another call of value_and_grad")
            order, cotangents = leading_to(wanted, output), {output: seed(output, None)}
        value = output = _value_at(level, output)  # from here on the graph is held by ``order`` alone
        found = {node: dnode for node, dnode, _ in sweep(order, cotangents) if node in wanted}
        grads = [tree_map(lambda x, _: found[x] if x in found else _zeros(x), inputs[i]) for i in chosen]
        gradient = grads[0] if isinstance(argnums, int) else tuple(grads)
        return ((value, tree_map(lambda a, _: _value_at(level, a), aux)) if has_aux else value), gradient

    return value_and_grad_of_f


def topological_order(output: Variable) -> list[Variable]:
    """Return the graph of an output in the order in which it was made: each node behind its parents."""
    found, known = [output], {output}
    for node in found:
        for parent in node.parents:
            if parent.made >= node.made:
                raise ValueError("the graph has a cycle: a Variable was made, by hand, one of its own ancestors")
            if parent not in known:
                known.add(parent)
                found.append(parent)
    return sorted(found, key=operator.attrgetter("made"))


def leading_to(inputs: Iterable[Variable], output: Variable) -> list[Variable]:
    """Return the part of the output's graph that depends on the inputs, in topological order.

    Raise if an array that the graph was given is not what it was.
    """
    leads, found = set(inputs), []
    for node in topological_order(output):
        if node.given is not None and fingerprint(node.given) != node.fingerprint:
            raise ValueError(
                f"{called(node)} was changed in place after the graph had taken it: its gradient would be that of "
                "other values than the output's; change a copy"
            )
        if node in leads or not leads.isdisjoint(node.parents):
            leads.add(node)
            found.append(node)
    return found


def pull_back(node: Variable, dnode: Array, wanted: set[Variable]) -> Cotangents:
    """Return the cotangents of a node's parents as new arrays, of those that are not wanted perhaps None."""
    if node.backward is None:
        return ()
    if takes_needs(getattr(node.backward, "__code__", None)):
        dparents = node.backward(dnode, needs=tuple([parent in wanted for parent in node.parents]))
    else:
        dparents = node.backward(dnode)
    if id(node.rule) in _OURS:
        return dparents
    expected = [parent.shape for parent in node.parents]
    given = [s if d is None else np.shape(plain(d)) for d, s in zip(dparents, expected)]
    if len(dparents) != len(expected) or given != expected:
        raise ValueError(f"the pullback of {called(node)} gave cotangents of shapes {given}, expected {expected}")
    return tuple(None if d is None else namespace(d).asarray(d, copy=True) for d in dparents)


@functools.cache
def takes_needs(code: CodeType | None) -> bool:
    """Say whether a pullback of this code can be told which cotangents are needed."""
    return code is not None and "needs" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _add(total: Array, d: Array) -> Array:
    total += d  # in place where that is possible: each cotangent is a new array
    return total


def seed(output: Variable, cotangent: Any) -> Array:
    """Return the cotangent that the sweep begins with, a new array: 1, or what was given."""
    xp = namespace(output.value)
    if cotangent is None:
        if output.shape != ():
            raise ValueError(
                f"a gradient is that of a scalar, given {called(output)}: sum it, or give cotangent=, ∂J/∂output"
            )
        cotangent = xp.ones((), dtype=output.dtype, **device(output))
    elif np.shape(plain(cotangent)) != output.shape:
        raise ValueError(f"cotangent expected the output's shape {output.shape}, given {np.shape(plain(cotangent))}")
    else:
        if hasattr(cotangent, "dtype"):
            check_same_library("cotangent", cotangent, xp, "the Variables")
        cotangent = xp.asarray(cotangent, dtype=output.dtype, copy=True, **device(output))
    return constant(cotangent, output.value) if isinstance(output.value, Variable) else cotangent


def _value_at(level: int, a: Any) -> Any:
    return a.value if isinstance(a, Variable) and a.level == level else a


def _zeros(x: Variable) -> Array:
    return zeros(x.shape, plain(x))
