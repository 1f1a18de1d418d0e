"""What the forward and the backward pass know of each layer: the ground on which further derivatives are built."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from handgrad.arrays.namespace import Array
from handgrad.rules.activations import ACTIVATIONS, identity
from handgrad.rules.losses import unchecked_softmax_cross_entropy
from handgrad.rules.rule import Rule
from handgrad.rules.second_derivatives import CURVATURES
from handgrad.validation import check_finite, check_inputs, check_reg

__all__ = ["Activation", "Layer", "Pass", "backward", "forward", "parameter_names", "rules_of", "strength"]

#: A name in ``handgrad.ACTIVATIONS``, a rule, or one of them for each hidden layer.
Activation = str | Rule | Sequence[str | Rule]


class Layer(NamedTuple):
    """z = h W + b, and what follows it.

    Attributes
    ----------
    W : (D, H) array
    h : (N, D) array
        What goes in: X, or the hidden units before.
    hW, z : (N, H) arrays
        Without the bias and with it.
    f_backward : callable
        The pullback of the activation that follows.
    curvature : callable or None
        Its second derivative, where it is known.
    """

    W: Array
    h: Array
    hW: Array
    z: Array
    f_backward: Callable[[Array], tuple[Array, ...]]
    curvature: Callable[[Array], Array] | None


class Pass(NamedTuple):
    """The layers of a network, first things first, with its array library, and its scores."""

    xp: Any
    layers: list[Layer]
    scores: Array


def forward(params: Mapping[str, Array], X: Array, activation: Activation) -> Pass:
    """Return the forward pass of a network whose depth the parameters' names say."""
    names = parameter_names(params)
    xp, h = check_inputs(params, X, names)
    rules = rules_of(activation, params)
    layers: list[Layer] = []
    for i, f in enumerate(rules, start=1):
        W = params[f"W{i}"]
        hW = h @ W
        z = hW + params[f"b{i}"]
        h_next, f_backward = f(z)
        layers.append(Layer(W, h, hW, z, f_backward, CURVATURES.get(getattr(f, "__name__", ""))))
        h = h_next
    check_finite(params, X, witness=xp.sum(layers[0].z[:, :1]) + xp.sum(h))
    return Pass(xp, layers, h)


def backward(of: Pass, y: Array, weight: float) -> Iterator[Array]:
    """Yield dz of each layer, the last layer's first, of the mean cross-entropy times a weight."""
    _, L_backward = unchecked_softmax_cross_entropy(of.scores, y)
    (dz,) = L_backward(weight)
    yield dz
    for layer, before in zip(of.layers[:0:-1], of.layers[-2::-1]):
        (dz,) = before.f_backward(dz @ layer.W.T)
        yield dz


def strength(reg: Any, params: Mapping[str, Array]) -> Any:
    """Return the strength of the penalty, checked."""
    return check_reg(reg, params["W1"].dtype)


def parameter_names(params: Mapping[str, Array]) -> list[str]:
    """Return W1, b1, W2, b2, … for as many layers as ``params`` can mean."""
    depth = (len(params) + 1) // 2 if isinstance(params, Mapping) else 1
    return [f"{kind}{i}" for i in range(1, max(depth, 1) + 1) for kind in "Wb"]


def rules_of(activation: Activation, params: Mapping[str, Array]) -> list[Rule]:
    """Return the rule that follows each affine map: an activation, and the identity after the last."""
    hidden = len(params) // 2 - 1
    if isinstance(activation, str) or callable(activation):
        activation = [activation] * hidden
    if len(activation) != hidden:
        raise ValueError(f"activation expected {hidden}, one for each hidden layer, given {len(activation)}")
    return [*map(_rule, activation), identity]


def _rule(activation: str | Rule) -> Rule:
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation expected a rule or one of {', '.join(ACTIVATIONS)}, given {activation!r}")
    return ACTIVATIONS[activation]
