"""The two-layer network: a linear classifier on top of a hidden layer of rectified units.

Derivation: ``docs/derivations/two_layer.md``.
"""

from handgrad.arrays import in_place
from handgrad.arrays.namespace import Array
from handgrad.networks.perceptrons import mlp
from handgrad.networks.perceptrons.arguments import Params, check_depth, check_problem, documented, names_of_depth
from handgrad.networks.perceptrons.per_example import example_gradient_norms, example_gradients
from handgrad.networks.perceptrons.second_order import gauss_newton_diagonal, gauss_newton_product, hvp, input_jacobian
from handgrad.rules.losses import unchecked_softmax_cross_entropy
from handgrad.rules.penalties import l2_value
from handgrad.validation import check_finite

# fmt: off
__all__ = [
    "example_gradient_norms", "example_gradients", "gauss_newton_diagonal", "gauss_newton_product", "hvp",
    "input_jacobian", "loss", "loss_and_grad", "predict", "scores",
]
# fmt: on

#: The number of layers.
DEPTH = 2

_NAMES = names_of_depth(DEPTH)
_SHAPES = "W1 (D, H), b1 (H,), W2 (H, C), b2 (C,)"


@documented(_SHAPES)
def scores(params: Params, X: Array) -> Array:
    """Return the scores s = max(0, X W1 + b1) W2 + b2.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> two_layer.scores(params, np.ones((5, 4))).shape
    (5, 3)
    """
    return mlp.scores(check_depth(params, DEPTH), X)


@documented(_SHAPES)
def loss(params: Params, X: Array, y: Array, reg: float = 0.0) -> Array:
    """Return the objective J = L + ½ reg (‖W1‖² + ‖W2‖²), with L the mean cross-entropy of the softmax.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0), scheme=0.0)
    >>> round(float(two_layer.loss(params, np.ones((5, 4)), np.zeros(5, int))), 4)  # log 3: all classes alike
    1.0986
    """
    return mlp.loss(check_depth(params, DEPTH), X, y, reg)


@documented(_SHAPES)
def loss_and_grad(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, input_grad: bool = False
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J = L + ½ reg (‖W1‖² + ‖W2‖²) and its gradient with respect to each parameter.

    By hand what ``jax.value_and_grad(loss)(params, X, y, reg)`` gives: eq. two_layer-gradient.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> J, grads = two_layer.loss_and_grad(params, np.ones((5, 4)), np.array([0, 1, 2, 1, 0]), reg=0.1)
    >>> {name: g.shape for name, g in grads.items()}
    {'W1': (4, 10), 'b1': (10,), 'W2': (10, 3), 'b2': (3,)}
    """
    given = X
    xp, X, reg = check_problem(params, X, y, reg, _NAMES, input_grad=input_grad)
    W1, b1, W2, b2 = (params[name] for name in _NAMES)

    # forward
    z1 = X @ W1  # (N, H)
    z1 += b1
    witness = xp.sum(z1[:, :1])
    h = in_place.maximum(z1, 0)  # (N, H)
    s = h @ W2  # (N, C)
    s += b2
    L, L_backward = unchecked_softmax_cross_entropy(s, y)
    J = L + l2_value(W1, reg) + l2_value(W2, reg)
    check_finite(params, X, witness=witness, loss=J)

    # backward, from J to the parameters
    (ds,) = L_backward(1)  # (N, C)
    dW2 = in_place.axpy(h.T @ ds, reg, W2)  # (H, C)
    db2 = xp.sum(ds, axis=0)  # (C,)
    dh = ds @ W2.T  # (N, H)
    dz1 = in_place.where(h > 0, dh)  # (N, H)
    dW1 = in_place.axpy(X.T @ dz1, reg, W1)  # (D, H)
    db1 = xp.sum(dz1, axis=0)  # (H,)
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    if input_grad:
        grads["X"] = xp.astype(dz1 @ W1.T, given.dtype, copy=False)  # (N, D)
    return J, grads


@documented(_SHAPES, imports="two_layer")
def predict(params: Params, X: Array) -> Array:
    """Return the class with the highest score for each example, the first of equals.

    >>> params = {"W1": np.eye(2), "b1": np.zeros(2), "W2": np.eye(2), "b2": np.zeros(2)}
    >>> two_layer.predict(params, np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([0, 1])
    """
    return mlp.predict(check_depth(params, DEPTH), X)
