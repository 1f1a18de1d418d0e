"""The gradient of each example's own loss, and its norm, for networks of any depth.

Derivation: ``docs/derivations/per_example.md``.
"""

from handgrad.arrays.namespace import Array
from handgrad.networks.perceptrons.arguments import Activation, Params, documented
from handgrad.networks.perceptrons.layers import backward, forward_labelled

__all__ = ["example_gradient_norms", "example_gradients"]


@documented(
    returns="""dict of arrays
    For each parameter an array of its shape after an axis of N. It takes N times the memory of the parameters;
    :func:`example_gradient_norms` does not.""",
    imports="init_params, two_layer",
)
def example_gradients(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu"
) -> dict[str, Array]:
    """Return the gradient of Jₙ = Lₙ + R for each example n; by hand what ``jax.vmap(jax.grad(loss))`` gives.

    Their mean is the gradient of J. With h the input of a layer and δ = ∂Lₙ/∂z, dWₙ = hₙ δₙᵀ + reg W and dbₙ = δₙ.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> X, y = np.eye(5, 4), np.array([0, 1, 2, 1, 0])
    >>> each = two_layer.example_gradients(params, X, y, 0.1)
    >>> _, grads = two_layer.loss_and_grad(params, X, y, 0.1)
    >>> each["W1"].shape, bool(np.allclose(each["W1"].mean(axis=0), grads["W1"], atol=1e-16))
    ((5, 4, 10), True)
    """
    fwd, reg = forward_labelled(params, X, y, reg, activation)
    found: dict[str, Array] = {}
    for i, dz in zip(range(len(fwd.layers), 0, -1), backward(fwd, y, X.shape[0])):
        layer = fwd.layers[i - 1]
        found[f"W{i}"] = layer.h[:, :, None] * dz[:, None, :]  # (N, D, H)
        found[f"W{i}"] += reg * layer.W
        found[f"b{i}"] = dz  # (N, H)
    return {name: found[name] for name in params}


@documented(
    returns="""dict of (N,) arrays
    One for each parameter. With a penalty the terms may cancel: the error is that of the largest term, and a norm may
    be 0 that should be a rounding error.""",
    imports="init_params, two_layer",
    source="I. Goodfellow, Efficient per-example gradient computations, arXiv:1510.01799, 2015",
)
def example_gradient_norms(
    params: Params, X: Array, y: Array, reg: float = 0.0, *, activation: Activation = "relu"
) -> dict[str, Array]:
    """Return the Euclidean norms of the gradients of Jₙ = Lₙ + R, without these gradients.

    ‖hₙ δₙᵀ + reg W‖² = ‖hₙ‖² ‖δₙ‖² + 2 reg δₙ·(Wᵀhₙ) + reg² ‖W‖²: the factors of the outer product are enough, and
    hₙᵀ W is computed on the way to z. The norm over all parameters is the root of the sum of the squares.

    >>> params = init_params([4, 10, 3], rng=np.random.default_rng(0))
    >>> X, y = np.eye(5, 4), np.array([0, 1, 2, 1, 0])
    >>> norms = two_layer.example_gradient_norms(params, X, y, 0.1)
    >>> each = two_layer.example_gradients(params, X, y, 0.1)
    >>> bool(np.allclose(norms["W1"], np.linalg.norm(each["W1"], axis=(1, 2))))
    True
    """
    fwd, reg = forward_labelled(params, X, y, reg, activation)
    xp = fwd.xp
    found: dict[str, Array] = {}
    for i, dz in zip(range(len(fwd.layers), 0, -1), backward(fwd, y, X.shape[0])):
        layer = fwd.layers[i - 1]
        squares = xp.vecdot(dz, dz)  # (N,)
        found[f"b{i}"] = xp.sqrt(squares)
        squares = xp.vecdot(layer.h, layer.h) * squares
        if reg != 0:
            squares = squares + 2 * reg * xp.vecdot(dz, layer.hW) + reg * reg * xp.sum(xp.vecdot(layer.W, layer.W))
        found[f"W{i}"] = xp.sqrt(xp.maximum(squares, 0))
    return {name: found[name] for name in params}
