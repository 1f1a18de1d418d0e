"""The quantities of a network's forward and backward pass in float64, under the derivation's names."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import handgrad
from oracle.strategies.networks import NetworkProblem

__all__ = ["ForwardPass", "Layer", "PenaltyTerm", "Scores", "is_weight", "layer_of", "softmax", "value_and_slope"]

Array = NDArray[Any]


def is_weight(name: str) -> bool:
    """Return True for the weights W1, W2, … and False for the biases b1, b2, …."""
    return name.startswith("W")


def layer_of(name: str) -> int:
    """Return the number of the layer whose weights or bias have this name."""
    return int(name[1:])


def softmax(s: Array, axis: int | None) -> Array:
    """Return the softmax along an axis, or over everything."""
    e = np.exp(s - np.max(s, axis=axis, keepdims=True))
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


def value_and_slope(name: str, z: Array, **options: Any) -> tuple[Array, Array]:
    """Return an activation and its derivative."""
    value, backward = handgrad.RULES[name](z, **options)
    return value, backward(np.ones_like(z))[0]


class Scores:
    """The scores s (N, C), the labels y (N,), and the quantities that follow from them."""

    def __init__(self, s: Array, y: Array, *, mean: bool = True) -> None:
        self.s, self.y, self.mean = s, y, mean
        self.N, self.C = s.shape
        self.rows = np.arange(self.N)
        self.onehot = np.eye(self.C)[y]
        self.p = softmax(s, axis=1)
        #: The weight of each example: 1/N, or 1 where the loss is a sum.
        self.weight = 1 / self.N if mean else 1.0
        #: N, or 1 where the loss is a sum: the factor of a mean that is missing, or taken twice.
        self.mean_factor = self.N if mean else 1

    @cached_property
    def ds(self) -> Array:
        """The gradient of the loss with respect to the scores."""
        return self.ds_of(self.p)

    @property
    def p_y(self) -> Array:
        """The probability of each label, (N, 1)."""
        return np.asarray(self.p[self.rows, self.y][:, None])

    def ds_of(self, p: Array) -> Array:
        """Return (p − 1[y])/N for other probabilities."""
        return np.asarray((p - self.onehot) * self.weight)

    def ds_with_labels(self, y: Array) -> Array:
        """Return ds for other labels."""
        return np.asarray((self.p - np.eye(self.C)[y]) * self.weight)

    @property
    def loss(self) -> float:
        """The cross-entropy, without the penalty."""
        t = self.s - np.max(self.s, axis=1, keepdims=True)
        return self.total(np.log(np.sum(np.exp(t), axis=1)) - t[self.rows, self.y])

    def total(self, losses: Array) -> float:
        """Return the mean of the examples' losses, or their sum if that is the convention."""
        return float(np.sum(losses) * self.weight)


class ForwardPass(Scores):
    """The forward pass of a network's problem; it yields the layers of the backward pass."""

    def __init__(self, problem: NetworkProblem) -> None:
        self.reg, self.conventions = problem.reg, problem.conventions
        self.params = {name: np.asarray(a, float) for name, a in problem.params.items()}
        self.depth = len(self.params) // 2
        activations = problem.kwargs.get("activation", ("relu",) * (self.depth - 1))
        self.activations = dict(enumerate(activations, start=1))
        self.h: dict[int, Array] = {0: np.asarray(problem.X, float)}
        self.z: dict[int, Array] = {}
        self.slope: dict[int, Array] = {}
        for i in range(1, self.depth + 1):
            self.z[i] = self.h[i - 1] @ self.W(i) + self.params[f"b{i}"]
            if i < self.depth:
                self.h[i], self.slope[i] = value_and_slope(self.activations[i], self.z[i])
        super().__init__(self.z[self.depth], problem.y.astype(int), mean=self.conventions.mean)

    def W(self, i: int) -> Array:
        """Return the weights of layer i."""
        return self.params[f"W{i}"]

    def penalty(self, name: str) -> Array:
        """Return the gradient of the penalty with respect to a parameter."""
        return self.term(name).gradient

    @property
    def penalty_of_loss(self) -> float:
        """The penalty in the loss."""
        return float(sum(np.sum(self.penalty(name) * a) for name, a in self.params.items()) / 2)

    def without_penalty(self) -> "ForwardPass":
        """Return the same pass with reg = 0."""
        other = copy.copy(self)
        other.reg = 0.0
        return other

    def magnitudes(self) -> "ForwardPass":
        """Return a pass with the absolute values of all that the backward pass multiplies by."""
        other = copy.copy(self)
        other.params = {name: np.abs(a) for name, a in self.params.items()}
        other.h = {i: np.abs(a) for i, a in self.h.items()}
        other.slope = {i: np.abs(a) for i, a in self.slope.items()}
        return other

    def term(self, name: str) -> "PenaltyTerm":
        """Return the quantities of a parameter's penalty."""
        return PenaltyTerm(
            self.params[name], self.reg, self.conventions.strength(self.params[name].ndim, self.reg), self.N
        )

    def layer(self, i: int, upstream: Array | None = None) -> "Layer":
        """Return layer i of the backward pass; ``upstream`` is the dz of the layer above, or at the last another ds."""
        here = partial(Layer, self.N, self.mean_factor, h_prev=self.h[i - 1], z=self.z[i], fwd=self, i=i)
        if i == self.depth:
            ds = self.ds if upstream is None else upstream
            return here(dh=ds, dz=ds)
        dh = upstream @ self.W(i + 1).T
        return here(h=self.h[i], slope=self.slope[i], activation=self.activations[i], dh=dh, upstream=upstream)

    def backward(self, ds: Array | None = None) -> "Iterator[Layer]":
        """Yield the layers from the last to the first, each with its gradients; ``ds`` replaces the correct one."""
        upstream = ds
        for i in range(self.depth, 0, -1):
            layer = self.layer(i, upstream)
            yield layer
            upstream = layer.dz


@dataclass(eq=False)
class Layer:
    """The quantities on which the gradients of a layer h = f(z), z = h_prev W + b depend; a lone rule has some of them.

    Without ``dz`` it is dh ∘ f′(z). The last layer has no f: its dh is its dz.
    """

    N: int
    #: N, or 1 where the loss is a sum.
    mean_factor: int = 1
    h_prev: Any = None
    z: Any = None
    h: Any = None
    slope: Any = None
    activation: str = ""
    dh: Any = None
    dz: Any = None
    #: The pass that it belongs to, its number, and the dz of the layer above.
    fwd: Any = None
    i: int = 0
    upstream: Any = None

    def __post_init__(self) -> None:
        if self.dz is None:
            self.dz = self.dh * self.slope

    @cached_property
    def dW(self) -> Array:
        """The gradient of the weights, without the penalty."""
        return np.asarray(self.h_prev.T @ self.dz)

    @cached_property
    def db(self) -> Array:
        """The gradient of the bias."""
        return np.asarray(self.dz.sum(0))

    @property
    def W_next(self) -> Array:
        """The weights of the layer above."""
        return np.asarray(self.fwd.W(self.i + 1))

    def gradient(self, name: str) -> Array:
        """Return dW or db, whichever the parameter has."""
        return self.dW if is_weight(name) else self.db

    def with_dz(self, dz: Array) -> "Layer":
        """Return the same layer with another dz."""
        return replace(self, dz=dz, dh=dz if self.upstream is None else self.dh)


@dataclass(frozen=True)
class PenaltyTerm:
    """The quantities on which the gradient of a penalty depends: it is ``strength`` times the parameter."""

    W: Array
    reg: float
    strength: float
    N: int = 1

    @property
    def gradient(self) -> Array:
        """The gradient of the penalty."""
        return np.asarray(self.strength * self.W)
