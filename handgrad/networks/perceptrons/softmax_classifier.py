"""The linear softmax classifier.

Derivation: ``docs/derivations/softmax_classifier.md``.
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
DEPTH = 1

_NAMES = names_of_depth(DEPTH)
_SHAPES = "W1 (D, C), b1 (C,)"


@documented(_SHAPES)
def scores(params: Params, X: Array) -> Array:
    """Return the scores s = X W1 + b1.

    >>> params = init_params([4, 3], rng=np.random.default_rng(0))
    >>> softmax_classifier.scores(params, np.ones((5, 4))).shape
    (5, 3)
    """
    return mlp.scores(check_depth(params, DEPTH), X)


@documented(_SHAPES)
def loss(params: Params, X: Array, y: Array, reg: float = 0.0) -> Array:
    """Return the objective J = L + ½ reg ‖W1‖², with L the mean cross-entropy of the softmax.

    >>> params = init_params([4, 3], rng=np.random.default_rng(0), scheme=0.0)
    >>> round(float(softmax_classifier.loss(params, np.ones((5, 4)), np.zeros(5, int))), 4)  # log 3: all classes alike
    1.0986
    """
    return mlp.loss(check_depth(params, DEPTH), X, y, reg)


@documented(_SHAPES)
def loss_and_grad(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, input_grad: bool = False
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J = L + ½ reg ‖W1‖² and its gradient with respect to each parameter.

    By hand what ``jax.value_and_grad(loss)(params, X, y, reg)`` gives: eq. softmax_classifier-gradient.

    >>> params = init_params([4, 3], rng=np.random.default_rng(0))
    >>> J, grads = softmax_classifier.loss_and_grad(params, np.ones((5, 4)), np.array([0, 1, 2, 1, 0]), reg=0.1)
    >>> {name: g.shape for name, g in grads.items()}
    {'W1': (4, 3), 'b1': (3,)}
    """
    given = X
    xp, X, reg = check_problem(params, X, y, reg, _NAMES, input_grad=input_grad)
    W1, b1 = (params[name] for name in _NAMES)

    # forward
    s = X @ W1  # (N, C)
    s += b1
    L, L_backward = unchecked_softmax_cross_entropy(s, y)
    J = L + l2_value(W1, reg)
    check_finite(params, X, loss=J)

    # backward, from J to the parameters
    (ds,) = L_backward(1)  # (N, C)
    dW1 = in_place.axpy(X.T @ ds, reg, W1)  # (D, C)
    db1 = xp.sum(ds, axis=0)  # (C,)
    grads = {"W1": dW1, "b1": db1}
    if input_grad:
        grads["X"] = xp.astype(ds @ W1.T, given.dtype, copy=False)  # (N, D)
    return J, grads


@documented(_SHAPES, imports="softmax_classifier")
def predict(params: Params, X: Array) -> Array:
    """Return the class with the highest score for each example, the first of equals.

    >>> params = {"W1": np.eye(2), "b1": np.zeros(2)}
    >>> softmax_classifier.predict(params, np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([0, 1])
    """
    return mlp.predict(check_depth(params, DEPTH), X)
