"""The multilayer perceptron of any depth: the recursion of which the written-out networks are the first cases.

Derivation: ``docs/derivations/mlp.md``.
"""

from typing import Any

from handgrad.arrays import in_place
from handgrad.arrays.namespace import Array, namespace
from handgrad.networks.perceptrons.arguments import (
    Activation,
    Params,
    activation_rules,
    check_problem,
    documented,
    parameter_names,
)
from handgrad.networks.perceptrons.per_example import example_gradient_norms, example_gradients
from handgrad.networks.perceptrons.second_order import gauss_newton_diagonal, gauss_newton_product, hvp, input_jacobian
from handgrad.rules.activations import identity
from handgrad.rules.affine import affine
from handgrad.rules.losses import unchecked_softmax_cross_entropy
from handgrad.rules.penalties import l2_value
from handgrad.rules.rule import Pullback
from handgrad.validation import check_finite, check_inputs

# fmt: off
__all__ = [
    "example_gradient_norms", "example_gradients", "gauss_newton_diagonal", "gauss_newton_product", "hvp",
    "input_jacobian", "loss", "loss_and_grad", "predict", "scores",
]
# fmt: on


@documented()
def scores(params: Params, X: Array, *, activation: Activation = "relu") -> Array:
    """Return the scores: h₀ = X, then zᵢ = hᵢ₋₁ Wᵢ + bᵢ and hᵢ = f(zᵢ) layer by layer; the last z is the scores.

    >>> params = init_params([4, 8, 6, 3], rng=np.random.default_rng(0), scheme="glorot")
    >>> mlp.scores(params, np.ones((5, 4)), activation=["tanh", "gelu"]).shape
    (5, 3)
    """
    xp, X = check_inputs(params, X, parameter_names(params))
    s, witness = _scores(xp, params, X, activation)
    check_finite(params, X, witness=witness)
    return s


@documented()
def loss(params: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu") -> Array:
    """Return the objective J = L + ½ reg Σᵢ ‖Wᵢ‖², with L the mean cross-entropy of the softmax.

    >>> params = init_params([4, 8, 6, 3], rng=np.random.default_rng(0), scheme=0.0)
    >>> round(float(mlp.loss(params, np.ones((5, 4)), np.zeros(5, int))), 4)  # log 3: all classes alike
    1.0986
    """
    names = parameter_names(params)
    xp, X, reg = check_problem(params, X, y, reg, names)
    s, witness = _scores(xp, params, X, activation)
    J, _ = unchecked_softmax_cross_entropy(s, y)
    for W in names[::2]:
        J = J + l2_value(params[W], reg)
    check_finite(params, X, witness=witness, loss=J)
    return J


@documented()
def loss_and_grad(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu", input_grad: bool = False
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J = L + ½ reg Σᵢ ‖Wᵢ‖² and its gradient with respect to each parameter.

    By hand what ``jax.value_and_grad(loss)(params, X, y, reg)`` gives: eq. mlp-recursion.

    >>> params = init_params([4, 8, 6, 3], rng=np.random.default_rng(0))
    >>> J, grads = mlp.loss_and_grad(params, np.ones((5, 4)), np.array([0, 1, 2, 1, 0]), activation="silu")
    >>> {name: g.shape for name, g in grads.items()}
    {'W1': (4, 8), 'b1': (8,), 'W2': (8, 6), 'b2': (6,), 'W3': (6, 3), 'b3': (3,)}
    """
    given, names = X, parameter_names(params)
    xp, X, reg = check_problem(params, X, y, reg, names, input_grad=input_grad)

    s, layers, witness = _forward(xp, params, X, activation)
    J, L_backward = unchecked_softmax_cross_entropy(s, y)
    for W in names[::2]:
        J = J + l2_value(params[W], reg)
    check_finite(params, X, witness=witness, loss=J)

    grads: dict[str, Array] = dict.fromkeys(names)  # in the order of the parameters
    (dh,) = L_backward(1)  # (N, C)
    for i in range(len(layers), 0, -1):
        affine_backward, f_backward = layers[i - 1]
        (dz,) = f_backward(dh)
        dh, dW, grads[f"b{i}"] = affine_backward(dz, needs=(i > 1 or input_grad, True, True))
        grads[f"W{i}"] = in_place.axpy(dW, reg, params[f"W{i}"])
    if input_grad:
        grads["X"] = xp.astype(dh, given.dtype, copy=False)  # (N, D)
    return J, grads


@documented(imports="mlp")
def predict(params: Params, X: Array, *, activation: Activation = "relu") -> Array:
    """Return the class with the highest score for each example, the first of equals.

    >>> mlp.predict({"W1": np.eye(2), "b1": np.zeros(2)}, np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([0, 1])
    """
    s = scores(params, X, activation=activation)
    return namespace(s).argmax(s, axis=1)


def _scores(xp: Any, params: Params, X: Array, activation: Activation) -> tuple[Array, Array]:
    """Return the scores, and a number that is finite only if they and X are."""
    s = X @ params["W1"]
    s += params["b1"]
    witness = xp.sum(s[:, :1])
    for i, f in enumerate(activation_rules(activation, params), start=2):
        h, _ = f(s)
        s = h @ params[f"W{i}"]
        s += params[f"b{i}"]
    return s, witness + xp.sum(s)


def _forward(
    xp: Any, params: Params, X: Array, activation: Activation
) -> tuple[Array, list[tuple[Pullback, Pullback]], Array]:
    """Return the scores, the pullbacks of the two halves of each layer, and a number that is finite only if X is."""
    h, layers, witness = X, [], None
    for i, f in enumerate([*activation_rules(activation, params), identity], start=1):
        z, affine_backward = affine(h, params[f"W{i}"], params[f"b{i}"])
        h, f_backward = f(z)
        layers.append((affine_backward, f_backward))
        if i == 1:
            witness = xp.sum(z[:, :1])
    return h, layers, witness
