"""The three-layer network: two hidden layers of rectified units.

Derivation: ``docs/derivations/three_layer.md``.
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
DEPTH = 3

_NAMES = names_of_depth(DEPTH)
_SHAPES = "W1 (D, H1), b1 (H1,), W2 (H1, H2), b2 (H2,), W3 (H2, C), b3 (C,)"


@documented(_SHAPES)
def scores(params: Params, X: Array) -> Array:
    """Return the scores s = max(0, max(0, X W1 + b1) W2 + b2) W3 + b3.

    >>> params = init_params([4, 10, 6, 3], rng=np.random.default_rng(0))
    >>> three_layer.scores(params, np.ones((5, 4))).shape
    (5, 3)
    """
    return mlp.scores(check_depth(params, DEPTH), X)


@documented(_SHAPES)
def loss(params: Params, X: Array, y: Array, reg: float = 0.0) -> Array:
    """Return the objective J = L + ½ reg (‖W1‖² + ‖W2‖² + ‖W3‖²), with L the mean cross-entropy of the softmax.

    >>> params = init_params([4, 10, 6, 3], rng=np.random.default_rng(0), scheme=0.0)
    >>> round(float(three_layer.loss(params, np.ones((5, 4)), np.zeros(5, int))), 4)  # log 3: all classes alike
    1.0986
    """
    return mlp.loss(check_depth(params, DEPTH), X, y, reg)


@documented(_SHAPES)
def loss_and_grad(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, input_grad: bool = False
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J = L + ½ reg (‖W1‖² + ‖W2‖² + ‖W3‖²) and its gradient with respect to each parameter.

    By hand what ``jax.value_and_grad(loss)(params, X, y, reg)`` gives: eq. three_layer-gradient.

    >>> params = init_params([4, 10, 6, 3], rng=np.random.default_rng(0))
    >>> J, grads = three_layer.loss_and_grad(params, np.ones((5, 4)), np.array([0, 1, 2, 1, 0]), reg=0.1)
    >>> {name: g.shape for name, g in grads.items()}
    {'W1': (4, 10), 'b1': (10,), 'W2': (10, 6), 'b2': (6,), 'W3': (6, 3), 'b3': (3,)}
    """
    given = X
    xp, X, reg = check_problem(params, X, y, reg, _NAMES, input_grad=input_grad)
    W1, b1, W2, b2, W3, b3 = (params[name] for name in _NAMES)

    # forward
    z1 = X @ W1  # (N, H1)
    z1 += b1
    witness = xp.sum(z1[:, :1])
    h1 = in_place.maximum(z1, 0)  # (N, H1)
    z2 = h1 @ W2  # (N, H2)
    z2 += b2
    h2 = in_place.maximum(z2, 0)  # (N, H2)
    s = h2 @ W3  # (N, C)
    s += b3
    L, L_backward = unchecked_softmax_cross_entropy(s, y)
    J = L + l2_value(W1, reg) + l2_value(W2, reg) + l2_value(W3, reg)
    check_finite(params, X, witness=witness, loss=J)

    # backward, from J to the parameters
    (ds,) = L_backward(1)  # (N, C)
    dW3 = in_place.axpy(h2.T @ ds, reg, W3)  # (H2, C)
    db3 = xp.sum(ds, axis=0)  # (C,)
    dh2 = ds @ W3.T  # (N, H2)
    dz2 = in_place.where(h2 > 0, dh2)  # (N, H2)
    dW2 = in_place.axpy(h1.T @ dz2, reg, W2)  # (H1, H2)
    db2 = xp.sum(dz2, axis=0)  # (H2,)
    dh1 = dz2 @ W2.T  # (N, H1)
    dz1 = in_place.where(h1 > 0, dh1)  # (N, H1)
    dW1 = in_place.axpy(X.T @ dz1, reg, W1)  # (D, H1)
    db1 = xp.sum(dz1, axis=0)  # (H1,)
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}
    if input_grad:
        grads["X"] = xp.astype(dz1 @ W1.T, given.dtype, copy=False)  # (N, D)
    return J, grads


@documented(_SHAPES, imports="three_layer")
def predict(params: Params, X: Array) -> Array:
    """Return the class with the highest score for each example, the first of equals.

    >>> W, b = np.eye(2), np.zeros(2)
    >>> params = {"W1": W, "b1": b, "W2": W, "b2": b, "W3": W, "b3": b}
    >>> three_layer.predict(params, np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([0, 1])
    """
    return mlp.predict(check_depth(params, DEPTH), X)
