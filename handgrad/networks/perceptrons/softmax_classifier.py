"""The linear softmax classifier.

Derivation: ``docs/derivations/softmax_classifier.md``.
"""

from collections.abc import Mapping

from handgrad.arrays import in_place
from handgrad.arrays.namespace import Array, namespace
from handgrad.networks.perceptrons.per_example import example_gradient_norms, example_gradients
from handgrad.networks.perceptrons.second_order import gauss_newton_diagonal, gauss_newton_product, hvp, input_jacobian
from handgrad.rules.losses import unchecked_softmax_cross_entropy
from handgrad.rules.penalties import l2_value
from handgrad.validation import check_finite, check_inputs, check_labels, check_reg

# fmt: off
__all__ = [
    "example_gradient_norms", "example_gradients", "gauss_newton_diagonal", "gauss_newton_product", "hvp",
    "input_jacobian", "loss", "loss_and_grad", "predict", "scores",
]
# fmt: on

_NAMES = ("W1", "b1")


def scores(params: Mapping[str, Array], X: Array) -> Array:
    """Return the scores s = X W1 + b1.

    Parameters
    ----------
    params : dict
        W1 (D, C), b1 (C,), all float32 or all float64.
    X : (N, D) array of real numbers
        One example a row, computed in the parameters' dtype.

    Returns
    -------
    (N, C) array, the parameters' dtype

    Raises
    ------
    TypeError, ValueError
        If a key, shape or dtype does not fit, the batch is empty, or an entry is not finite (NonFiniteError).

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import init_params, softmax_classifier
    >>> params = init_params([4, 3], rng=np.random.default_rng(0))
    >>> softmax_classifier.scores(params, np.ones((5, 4))).shape
    (5, 3)

    References
    ----------
    ``docs/derivations/softmax_classifier.md``.
    """
    xp, X = check_inputs(params, X, _NAMES)
    W1, b1 = (params[name] for name in _NAMES)

    s = X @ W1  # (N, C)
    s += b1
    check_finite(params, X, witness=xp.sum(s[:, :1]) + xp.sum(s))
    return s


def loss(params: Mapping[str, Array], X: Array, y: Array, reg: float = 0.0) -> Array:
    """Return the objective J = L + ½ reg (‖W1‖²), with L the mean cross-entropy of the softmax.

    Takes and raises what :func:`loss_and_grad` does.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import init_params, softmax_classifier
    >>> params = init_params([4, 3], rng=np.random.default_rng(0), scheme=0.0)
    >>> round(float(softmax_classifier.loss(params, np.ones((5, 4)), np.zeros(5, int))), 4)  # log 3: all classes alike
    1.0986

    References
    ----------
    ``docs/derivations/softmax_classifier.md``.
    """
    xp, _ = check_inputs(params, X, _NAMES)
    W1, b1 = (params[name] for name in _NAMES)
    check_labels(y, xp, X.shape[0], b1.shape[0])
    reg = check_reg(reg, b1.dtype)

    s = scores(params, X)  # (N, C)
    L, _ = unchecked_softmax_cross_entropy(s, y)
    J = L + l2_value(W1, reg)
    check_finite(params, X, loss=J)
    return J


def loss_and_grad(
    params: Mapping[str, Array], X: Array, y: Array, reg: float = 0.0, *, input_grad: bool = False
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J = L + ½ reg (‖W1‖²) and its gradient with respect to each parameter.

    By hand what ``jax.value_and_grad(loss)(params, X, y, reg)`` gives: eq. softmax_classifier-gradient.

    Parameters
    ----------
    params : dict
        W1 (D, C), b1 (C,), all float32 or all float64.
    X : (N, D) array of real numbers
        One example a row, computed in the parameters' dtype.
    y : (N,) array of integers in [0, C)
        The right class of each example.
    reg : float
        Strength of the L2 penalty on the weights, 0 or more; biases are not penalised.
    input_grad : bool
        Whether to add the gradient with respect to X, which costs a matrix product, under the key ``"X"``.

    Returns
    -------
    J : 0-d array, the parameters' dtype
        In nats.
    grads : dict
        A new array for each parameter, of its shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If a key, shape, dtype, label or reg does not fit, the batch is empty, or an entry or the loss is not finite
        (NonFiniteError).

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import init_params, softmax_classifier
    >>> params = init_params([4, 3], rng=np.random.default_rng(0))
    >>> J, grads = softmax_classifier.loss_and_grad(params, np.ones((5, 4)), np.array([0, 1, 2, 1, 0]), reg=0.1)
    >>> {name: g.shape for name, g in grads.items()}
    {'W1': (4, 3), 'b1': (3,)}

    References
    ----------
    ``docs/derivations/softmax_classifier.md``.
    """
    given = X
    xp, X = check_inputs(params, X, _NAMES, input_grad=input_grad)
    W1, b1 = (params[name] for name in _NAMES)
    check_labels(y, xp, X.shape[0], b1.shape[0])
    reg = check_reg(reg, b1.dtype)

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


def predict(params: Mapping[str, Array], X: Array) -> Array:
    """Return the class with the highest score for each example, the first of equals.

    Takes and raises what :func:`scores` does.

    Returns
    -------
    (N,) array of integers in [0, C)

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import softmax_classifier
    >>> params = {"W1": np.eye(2), "b1": np.zeros(2)}
    >>> softmax_classifier.predict(params, np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([0, 1])

    References
    ----------
    ``docs/derivations/softmax_classifier.md``.
    """
    s = scores(params, X)
    return namespace(s).argmax(s, axis=1)
