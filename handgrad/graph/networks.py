"""The networks' loss as a graph of rules; :mod:`handgrad.networks` differentiates it by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from handgrad.arrays.namespace import Array
from handgrad.graph.node import Node, apply
from handgrad.rules import ACTIVATIONS, l2, softmax_cross_entropy

__all__ = ["network_loss"]


def network_loss(
    params: Mapping[str, Any], X: Any, y: Array, reg: float = 0.0, *, activation: Sequence[str] | None = None
) -> Any:
    """Return the objective J = L + R of a network of any depth, built of rules, for Variables or arrays.

    Parameters
    ----------
    params : dict
        W1 (D, H), b1 (H,), W2, b2, … to the last layer: Variables or arrays, all float32 or all float64.
    X : (N, D) Variable or array
        One example a row.
    y : (N,) array of integers in [0, C)
        The class of each example.
    reg : float
        Strength of the L2 penalty on the weights, 0 or more.
    activation : sequence of str, optional
        One of ``handgrad.ACTIVATIONS`` for each hidden layer; ``"relu"`` for all by default.

    Returns
    -------
    0-d Variable, or an array if no argument was a Variable
        The nodes have the derivation's names: z1, h1, …, s, L, R, J.

    Raises
    ------
    TypeError, ValueError
        If shapes, dtypes, labels or reg do not fit, or the number of activations is not that of the hidden layers.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import graph, init_params, two_layer
    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> X, y = np.ones((5, 4)), np.array([0, 1, 2, 1, 0])
    >>> J, grads = graph.value_and_grad(graph.network_loss)(params, X, y, 0.1)
    >>> by_hand = two_layer.loss_and_grad(params, X, y, 0.1)[1]
    >>> all(np.allclose(grads[name], by_hand[name], rtol=1e-14) for name in params)
    True

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    depth = len(params) // 2
    names = ("relu",) * (depth - 1) if activation is None else tuple(activation)
    layers = [(f"W{i}", f"b{i}") for i in range(1, depth + 1)]
    if not params or {*params} != {name for layer in layers for name in layer}:
        raise ValueError(f"params must have the keys W1, b1, W2, b2, …, got {', '.join(params) or 'none'}")
    if len(names) != depth - 1 or not set(names) <= set(ACTIVATIONS):
        raise ValueError(f"activation must be {depth - 1} of {', '.join(ACTIVATIONS)}, got {names}")
    h: Any = X
    for i, (name, (W, b)) in enumerate(zip(names, layers), start=1):
        z = _named(f"z{i}", h @ params[W] + params[b])
        h = _named(f"h{i}", apply(ACTIVATIONS[name], z))
    W, b = layers[-1]
    s = _named("s", h @ params[W] + params[b])
    L = _named("L", apply(softmax_cross_entropy, s, labels=y))
    R = apply(l2, params["W1"], reg=reg)
    for W, _ in layers[1:]:
        R = R + apply(l2, params[W], reg=reg)
    return _named("J", L + _named("R", R))


def _named(name: str, node: Any) -> Any:
    if isinstance(node, Node):
        node.name = name
    return node
