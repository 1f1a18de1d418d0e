"""Second derivatives of networks of any depth: products with the Hessian and with the Gauss–Newton matrix.

Derivation: ``docs/derivations/second_order.md``.
"""

from collections.abc import Iterator

from handgrad.arrays import in_place
from handgrad.arrays.namespace import Array, arange
from handgrad.networks.perceptrons.arguments import Activation, Params, documented
from handgrad.networks.perceptrons.layers import ForwardPass, Layer, backward, forward, forward_labelled
from handgrad.rules.second_derivatives import flat
from handgrad.validation import check_like

__all__ = ["gauss_newton_diagonal", "gauss_newton_product", "hvp", "input_jacobian"]

_LIKE_PARAMS = "dict of arrays\n    Of the parameters' keys, shapes and dtypes."


@documented(
    returns=_LIKE_PARAMS,
    imports="init_params, two_layer",
    source="B. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6(1), 1994",
)
def hvp(
    params: Params, direction: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu"
) -> dict[str, Array]:
    """Return the Hessian of J times a direction, by hand what ``jax.jvp(jax.grad(loss), …)`` gives.

    Every line of the gradient is differentiated along the direction (the R-operator). This costs about twice the
    gradient, and no second derivative is ever stored. At a kink of an activation, the product is that of its smooth
    pieces. The activations must be those of ``handgrad.ACTIVATIONS``, whose second derivatives are known.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> direction = init_params([4, 10, 3], rng=np.random.default_rng(1))
    >>> X, y = np.eye(5, 4), np.array([0, 1, 2, 1, 0])
    >>> Hv = two_layer.hvp(params, direction, X, y, 0.1)
    >>> shifted = {name: p + 1e-6 * direction[name] for name, p in params.items()}
    >>> (_, before), (_, after) = (two_layer.loss_and_grad(p, X, y, 0.1) for p in (params, shifted))
    >>> all(np.allclose(Hv[name], (after[name] - before[name]) / 1e-6, atol=1e-5) for name in params)
    True
    """
    fwd, reg = forward_labelled(params, X, y, reg, activation)
    return _product(params, direction, fwd, reg, backward(fwd, y, 1))


@documented(
    returns=_LIKE_PARAMS,
    imports="init_params, two_layer",
    source="""N. Schraudolph, Fast curvature matrix-vector products for second-order gradient descent,
Neural Computation 14(7), 2002""",
)
def gauss_newton_product(
    params: Params, direction: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu"
) -> dict[str, Array]:
    """Return the Gauss–Newton matrix of J times a direction.

    It is the Hessian without the curvature of the network: 1/N Σₙ Sₙᵀ Hₙ Sₙ + reg on the weights, with Sₙ the Jacobian
    of the scores and Hₙ = diag(p) − p pᵀ the Hessian of the loss with respect to the scores. It is positive
    semidefinite, and for this loss it equals the Fisher information matrix. Any rule may serve as an activation.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> v = init_params([4, 10, 3], rng=np.random.default_rng(1))
    >>> Gv = two_layer.gauss_newton_product(params, v, np.eye(5, 4), np.array([0, 1, 2, 1, 0]))
    >>> bool(sum(np.vdot(v[name], Gv[name]) for name in v) >= 0)
    True
    """
    fwd, reg = forward_labelled(params, X, y, reg, activation)
    return _product(params, direction, fwd, reg, None)


@documented(
    returns=f"{_LIKE_PARAMS} No entry is negative.",
    imports="init_params, softmax_classifier",
    source="F. Dangel, F. Kunstner, P. Hennig, BackPACK: Packing more into backprop, ICLR 2020",
)
def gauss_newton_diagonal(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu"
) -> dict[str, Array]:
    """Return the diagonal of the Gauss–Newton matrix of J.

    diag(p) − p pᵀ is Σ_k c_k c_kᵀ with c_k = √p_k (e_k − p). Each of these C columns goes backward as a cotangent does,
    and its squares are summed at the weights: this costs C backward passes.

    >>> params = init_params([1, 2], rng=np.random.default_rng(0), scheme=0.0)
    >>> diagonal = softmax_classifier.gauss_newton_diagonal(params, np.array([[2.0]]), np.array([0]))
    >>> diagonal["b1"], diagonal["W1"]  # p (1 − p), and x² p (1 − p)
    (array([0.25, 0.25]), array([[1., 1.]]))
    """
    fwd, reg = forward_labelled(params, X, y, reg, activation)
    N = X.shape[0]
    found = {f"W{i}": reg + 0 * layer.W for i, layer in enumerate(fwd.layers, start=1)}
    found |= {f"b{i}": 0 * params[f"b{i}"] for i in range(1, len(fwd.layers) + 1)}
    for dz in _columns(fwd):
        for i in range(len(fwd.layers), 0, -1):
            layer = fwd.layers[i - 1]
            squares = dz * dz / N  # (N, H)
            found[f"W{i}"] = found[f"W{i}"] + (layer.h * layer.h).T @ squares  # (D, H)
            found[f"b{i}"] = found[f"b{i}"] + fwd.xp.sum(squares, axis=0)  # (H,)
            if i > 1:
                (dz,) = fwd.layers[i - 2].f_backward(dz @ layer.W.T)
    return {name: found[name] for name in params}


@documented(
    returns="(N, C, D) array, the parameters' dtype\n    Entry (n, c, d) is ∂s(n, c)/∂X(n, d).",
    imports="softmax_classifier",
)
def input_jacobian(params: Params, X: Array, *, activation: Activation = "relu") -> Array:
    """Return the derivative of each score with respect to each input, for each example.

    >>> params = {"W1": np.array([[1.0, 2.0], [3.0, 4.0]]), "b1": np.zeros(2)}
    >>> softmax_classifier.input_jacobian(params, np.ones((1, 2)))
    array([[[1., 3.],
            [2., 4.]]])
    """
    fwd = forward(params, X, activation)
    xp, (N, C) = fwd.xp, fwd.scores.shape
    S = fwd.layers[-1].W.T[None, :, :]  # (1, C, H): the same for all examples
    for layer in fwd.layers[-2::-1]:
        (slope,) = layer.f_backward(xp.ones_like(layer.z))  # (N, H)
        dz = xp.reshape(S * slope[:, None, :], (N * C, -1))  # one product for all examples, not one for each
        S = xp.reshape(dz @ layer.W.T, (N, C, -1))
    if len(fwd.layers) == 1:  # S is W itself still
        S = xp.asarray(xp.broadcast_to(S, (N, *S.shape[1:])), copy=True)
    return S


def _product(
    params: Params, direction: Params, fwd: ForwardPass, reg: float, cotangents: Iterator[Array] | None
) -> dict[str, Array]:
    """Return the R-operator's product; without cotangents, leave out the terms that contain them."""
    check_like(params, direction, "direction")

    # forward: Rz = Rh W + h V + v, Rh = f'(z) Rz
    Rz: list[Array] = []
    Rh: list[Array | None] = [None]  # the data does not change
    for i, layer in enumerate(fwd.layers, start=1):
        Rz.append(layer.h @ direction[f"W{i}"])
        Rz[-1] += direction[f"b{i}"]
        if i > 1:
            Rz[-1] += Rh[-1] @ layer.W
        Rh.append(layer.f_backward(Rz[-1])[0])

    # backward: every line of the gradient, differentiated along the direction
    found: dict[str, Array] = {}
    Rdz = _loss_hessian(fwd, Rz[-1])
    for i in range(len(fwd.layers), 0, -1):
        layer, before = fwd.layers[i - 1], Rh[i - 1]
        dz = next(cotangents) if cotangents and i > 1 else None  # the first layer's is not needed
        RdW = in_place.axpy(layer.h.T @ Rdz, reg, direction[f"W{i}"])
        if dz is not None and before is not None:
            RdW += before.T @ dz
        found[f"W{i}"], found[f"b{i}"] = RdW, fwd.xp.sum(Rdz, axis=0)
        if i > 1:
            below = fwd.layers[i - 2]
            Rdh = Rdz @ layer.W.T
            if dz is not None:
                Rdh += dz @ direction[f"W{i}"].T
            (Rdz,) = below.f_backward(Rdh)
            if dz is not None and below.curvature is not flat:  # ReLU's network has a product less
                Rdz += _curvature(below) * Rz[i - 2] * (dz @ layer.W.T)
    return {name: found[name] for name in params}


def _loss_hessian(fwd: ForwardPass, Rs: Array) -> Array:
    """Return Rds = p (Rs − p·Rs) / N.

    A constant in Rs changes nothing, so that of the largest score is subtracted: p·Rs then keeps all its digits where p
    nears 1.
    """
    xp, N = fwd.xp, fwd.scores.shape[0]
    p, top = _softmax(fwd)
    Rs = Rs - xp.sum(xp.where(top, Rs, 0), axis=1, keepdims=True)  # (N, C)
    return p * (Rs - xp.sum(p * Rs, axis=1, keepdims=True)) / N


def _columns(fwd: ForwardPass) -> Iterator[Array]:
    """Yield c_k = √p_k (e_k − p) for each class k, for all examples at once."""
    xp, (_, C) = fwd.xp, fwd.scores.shape
    p, top = _softmax(fwd)
    others = xp.where(top, xp.sum(xp.where(top, 0, p), axis=1, keepdims=True), 1 - p)  # 1 − p, where p nears 1 too
    for k in range(C):
        is_k = arange(C, fwd.scores)[None, :] == k
        yield xp.sqrt(p[:, k : k + 1]) * xp.where(is_k, others, -p)


def _softmax(fwd: ForwardPass) -> tuple[Array, Array]:
    """Return the probabilities, and a mask of the highest score in each row."""
    xp, s = fwd.xp, fwd.scores
    e = xp.exp(s - xp.max(s, axis=1, keepdims=True))
    top = arange(s.shape[1], s)[None, :] == xp.argmax(s, axis=1)[:, None]
    return e / xp.sum(e, axis=1, keepdims=True), top


def _curvature(layer: Layer) -> Array:
    if layer.curvature is None:
        raise ValueError("hvp: activation must have a known second derivative, as those in ACTIVATIONS have")
    return layer.curvature(layer.z)
