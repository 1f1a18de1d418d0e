"""The values of each layer in the forward pass, and its cotangents: per-example and second derivatives start here."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from handgrad.arrays.namespace import Array
from handgrad.networks.perceptrons.arguments import Activation, Params, activation_rules, parameter_names
from handgrad.rules.activations import identity
from handgrad.rules.losses import unchecked_softmax_cross_entropy
from handgrad.rules.rule import Pullback
from handgrad.rules.second_derivatives import CURVATURES
from handgrad.validation import check_finite, check_inputs, check_labels, check_reg

__all__ = ["ForwardPass", "Layer", "backward", "forward", "forward_labelled"]


class Layer(NamedTuple):
    """z = h W + b, and the activation that follows it.

    Attributes
    ----------
    W : (D, H) array
    h : (N, D) array
        The layer's input: X, or the hidden units of the previous layer.
    hW, z : (N, H) arrays
        Without the bias and with it.
    f_backward : callable
        The pullback of the activation that follows.
    curvature : callable or None
        The second derivative of the activation, if it is known.
    """

    W: Array
    h: Array
    hW: Array
    z: Array
    f_backward: Pullback
    curvature: Callable[[Array], Array] | None


class ForwardPass(NamedTuple):
    """The array library, the layers of a network in order, and its scores."""

    xp: Any
    layers: list[Layer]
    scores: Array


def forward(params: Params, X: Array, activation: Activation) -> ForwardPass:
    """Return the forward pass of a network whose depth follows from the names of the parameters."""
    xp, h = check_inputs(params, X, parameter_names(params))
    layers: list[Layer] = []
    for i, f in enumerate([*activation_rules(activation, params), identity], start=1):
        W = params[f"W{i}"]
        hW = h @ W
        z = hW + params[f"b{i}"]
        h_next, f_backward = f(z)
        layers.append(Layer(W, h, hW, z, f_backward, CURVATURES.get(getattr(f, "__name__", ""))))
        h = h_next
    check_finite(params, X, witness=xp.sum(layers[0].z[:, :1]) + xp.sum(h))
    return ForwardPass(xp, layers, h)


def forward_labelled(params: Params, X: Array, y: Array, reg: Any, activation: Activation) -> tuple[ForwardPass, Any]:
    """Return the forward pass, and reg as a number; raise unless the labels and reg fit."""
    fwd = forward(params, X, activation)
    check_labels(y, fwd.xp, *fwd.scores.shape)
    return fwd, check_reg(reg, params["W1"].dtype)


def backward(fwd: ForwardPass, y: Array, weight: float) -> Iterator[Array]:
    """Yield dz of each layer, from the last to the first, of the mean cross-entropy times a weight."""
    _, L_backward = unchecked_softmax_cross_entropy(fwd.scores, y)
    (dz,) = L_backward(weight)
    yield dz
    for layer, below in zip(fwd.layers[:0:-1], fwd.layers[-2::-1]):
        (dz,) = below.f_backward(dz @ layer.W.T)
        yield dz
