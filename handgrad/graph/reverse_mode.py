"""Reverse mode: one walk over the graph, from the output back; each use of a variable adds to its cotangent.

Derivation: ``docs/derivations/graph.md``.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array, check_same_library, device, is_array, namespace, zeros
from handgrad.graph.names import describe
from handgrad.graph.node import Node, as_leaf, fingerprint, make_leaf, unwrap
from handgrad.graph.pytree import tree_map
from handgrad.graph.variable import Variable
from handgrad.rules import RULES
from handgrad.rules.rule import call_pullback

__all__ = ["apply_pullback", "gradients", "seed", "subgraph_to", "sweep", "topological_order", "value_and_grad"]

#: The ids of the rules whose pullbacks are tested to return new arrays of the arguments' shapes.
_TRUSTED_RULES = frozenset(map(id, RULES.values()))

#: Numbers the calls of value_and_grad: of two nested calls the inner one has the higher level.
_levels = itertools.count(1)

Cotangents = tuple[Any, ...]


def sweep(order: list[Node], cotangents: dict[Node, Array]) -> Iterator[tuple[Node, Array, Cotangents]]:
    """Yield each node, the last first, with its cotangent and those of its parents: eq. graph-recursion.

    ``cotangents`` starts with the last node's. Both arguments are consumed, so that arrays can be freed during the
    sweep; a parent that is not in ``order`` gets no cotangent.
    """
    wanted = set(order)
    while order:
        node = order.pop()
        wanted.remove(node)
        dnode = cotangents.pop(node)  # complete: all that use the node came before
        dparents = apply_pullback(node, dnode, wanted)
        for parent, d in zip(node.parents, dparents):
            if parent in wanted:
                cotangents[parent] = _add(cotangents[parent], d) if parent in cotangents else d
        yield node, dnode, dparents


def gradients(output: Variable, *inputs: Variable, cotangent: Any = None) -> tuple[Array, ...]:
    """Return the gradient of ``output`` with respect to each of the inputs, which may be any nodes of its graph.

    Nothing is stored in the graph: another call returns the same.

    Parameters
    ----------
    output : Variable
        A scalar, unless a cotangent is given.
    *inputs : Variable
        Nodes on which ``output`` depends.
    cotangent : array, optional
        ∂J/∂output, of output's shape, for a J that depends on the output; the gradients are then J's.

    Returns
    -------
    tuple of arrays
        One for each input, of its shape and dtype.

    Raises
    ------
    TypeError
        If the output or an input is no Variable.
    ValueError
        If an input is not in the output's graph; the output is no scalar and there is no cotangent, or one of another
        shape; the caller has since changed an array of the graph in place; or the graph has a cycle.

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
            raise TypeError(f"gradients: output and inputs must be Variables, got {type(variable).__name__}")
    order, wanted = subgraph_to(inputs, output), set(inputs)
    for x in wanted.difference(order):
        raise ValueError(f"{describe(x)} is not in the graph of the output, which does not depend on it")
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
        The positional arguments to differentiate by.
    has_aux : bool
        If True, ``f`` returns a pair, of which the second is returned and not differentiated.

    Returns
    -------
    callable
        Takes the arguments of ``f`` and returns the value, or (value, aux), and the gradient: a tree of arrays like the
        argument's, or for several argnums a tuple of them. An argument on which ``f`` does not depend has gradient 0.

    Raises
    ------
    TypeError
        If an argument to differentiate by is not made of real floating arrays.
    ValueError
        If ``f`` returns no scalar, or a Variable of another call, or an array changes during the call.

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
        wanted: set[Node] = set()

        def as_input(a: Any, name: str | None) -> Node:
            wanted.add(x := make_leaf(Variable, a, level, name))
            return x

        inputs = {i: tree_map(as_input, args[i]) for i in chosen}
        output = f(*(inputs.get(i, a) for i, a in enumerate(args)), **kwargs)
        output, aux = output if has_aux else (output, None)
        order: list[Node] = []
        cotangents: dict[Node, Array] = {}
        if isinstance(output, Variable) and output.level >= level:
            if output.level > level:
                raise ValueError("the function returned a Variable that belongs to another call of value_and_grad")
            order, cotangents = subgraph_to(wanted, output), {output: seed(output, None)}
        value = output = _value_at(level, output)  # from here on only ``order`` holds the graph
        found = {node: dnode for node, dnode, _ in sweep(order, cotangents) if node in wanted}
        found |= {x: zeros(x.shape, unwrap(x)) for x in wanted.difference(found)}
        grads = [tree_map(lambda x, _: found[x], inputs[i]) for i in chosen]
        gradient = grads[0] if isinstance(argnums, int) else tuple(grads)
        return ((value, tree_map(lambda a, _: _value_at(level, a), aux)) if has_aux else value), gradient

    return value_and_grad_of_f


def topological_order(output: Node) -> list[Node]:
    """Return the nodes of an output's graph in the order of their creation: each after its parents."""
    found, known = [output], {output}
    for node in found:
        for parent in node.parents:
            if parent.creation_index >= node.creation_index:
                raise ValueError("the graph has a cycle: ``parents`` was set by hand to a later Variable")
            if parent not in known:
                known.add(parent)
                found.append(parent)
    return sorted(found, key=operator.attrgetter("creation_index"))


def subgraph_to(inputs: Iterable[Node], output: Node) -> list[Node]:
    """Return the part of the output's graph that depends on the inputs, in topological order.

    Raise if the caller has changed an array of the graph in place.
    """
    dependent, found = set(inputs), []
    for node in topological_order(output):
        if node.source is not None and fingerprint(node.source) != node.fingerprint:
            raise ValueError(
                f"{describe(node)} was changed in place after it entered the graph: its gradient would be that of "
                "other values than the output's; change a copy"
            )
        if node in dependent or not dependent.isdisjoint(node.parents):
            dependent.add(node)
            found.append(node)
    return found


def apply_pullback(node: Node, dnode: Array, wanted: set[Node]) -> Cotangents:
    """Return the cotangents of a node's parents as new arrays; for a parent that is not wanted it may be None."""
    if node.backward is None:
        return ()
    needs = tuple([parent in wanted for parent in node.parents])
    if id(node.rule) in _TRUSTED_RULES:
        return node.backward(dnode, needs)
    dparents = call_pullback(node.backward, dnode, needs)
    expected = [parent.shape for parent in node.parents]
    shapes = [s if d is None else np.shape(unwrap(d)) for d, s in zip(dparents, expected)]
    if len(dparents) != len(expected) or shapes != expected:
        raise ValueError(f"the pullback of {describe(node)} must return cotangents of shapes {expected}, got {shapes}")
    return tuple(None if d is None else namespace(d).asarray(d, copy=True) for d in dparents)


def _add(total: Array, d: Array) -> Array:
    total += d  # in place where possible: each cotangent is a new array
    return total


def seed(output: Node, cotangent: Any) -> Array:
    """Return the cotangent with which the sweep starts, as a new array; 1 by default."""
    xp = namespace(output.value)
    if cotangent is None:
        if output.shape != ():
            raise ValueError(
                f"the output must be a scalar, got {describe(output)}: sum it, or pass cotangent=, ∂J/∂output"
            )
        cotangent = xp.ones((), dtype=output.dtype, **device(unwrap(output)))
    elif np.shape(unwrap(cotangent)) != output.shape:
        raise ValueError(f"cotangent must have the output's shape {output.shape}, got {np.shape(unwrap(cotangent))}")
    else:
        if is_array(cotangent):
            check_same_library("cotangent", cotangent, xp, "the Variables")
        cotangent = xp.asarray(cotangent, dtype=output.dtype, copy=True, **device(unwrap(output)))
    return as_leaf(cotangent, output.value) if isinstance(output.value, Node) else cotangent


def _value_at(level: int, a: Any) -> Any:
    return a.value if isinstance(a, Variable) and a.level == level else a
