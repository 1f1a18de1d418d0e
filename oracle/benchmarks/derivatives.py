"""Derivatives beyond the gradient of the loss: handgrad's formulas, and the same compiled by JAX."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from handgrad import two_layer
from oracle import reference
from oracle.benchmarks.steps import Problem, compiled

__all__ = ["QUANTITIES"]

_twin = reference.NETWORKS["two_layer"]


def _one(params: Any, x: Any, label: Any, reg: float) -> Any:
    return _twin.loss(params, x[None], label[None], reg)


_each = jax.vmap(jax.grad(_one), in_axes=(None, 0, 0, None))


def _norms(params: Any, X: Any, y: Any, reg: float) -> Any:
    grads = _each(params, X, y, reg)
    return {name: jnp.sqrt(jnp.sum(g * g, axis=range(1, g.ndim))) for name, g in grads.items()}


def _hvp(params: Any, direction: Any, X: Any, y: Any, reg: float) -> Any:
    return jax.jvp(lambda p: jax.grad(_twin.loss)(p, X, y, reg), (params,), (direction,))[1]


def _gauss_newton(params: Any, direction: Any, X: Any, y: Any, reg: float) -> Any:
    s, Rs = jax.jvp(lambda p: _twin.scores(p, X), (params,), (direction,))
    _, HRs = jax.jvp(jax.grad(lambda s: reference.RULES["softmax_cross_entropy"](s, labels=y)), (s,), (Rs,))
    (found,) = jax.vjp(lambda p: _twin.scores(p, X), params)[1](HRs)
    return {name: g + reg * direction[name] if name.startswith("W") else g for name, g in found.items()}


def _input_gradient(params: Any, X: Any, y: Any, reg: float) -> Any:
    return jax.value_and_grad(_twin.loss, argnums=(0, 1))(params, X, y, reg)


def _input_jacobian(params: Any, X: Any) -> Any:
    return jax.vmap(jax.jacrev(lambda x: _twin.scores(params, x[None])[0]))(X)


def _direction(of: Problem) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {name: rng.standard_normal(p.shape).astype(p.dtype) for name, p in of.params.items()}


def _both(hand: Callable[..., Any], by_jax: Callable[..., Any], *args: Any) -> dict[str, Callable[[], Any]]:
    return {"handgrad": lambda: hand(*args), "jax": compiled(by_jax, *args)}


#: For each quantity, a function that returns its programs for a problem, in handgrad and in JAX.
QUANTITIES: Mapping[str, Callable[[Problem], dict[str, Callable[[], Any]]]] = {
    "norms of example gradients": lambda of: _both(
        two_layer.example_gradient_norms, _norms, of.params, of.X, of.y, of.reg
    ),
    "example gradients": lambda of: _both(two_layer.example_gradients, _each, of.params, of.X, of.y, of.reg),
    "Hessian times a vector": lambda of: _both(two_layer.hvp, _hvp, of.params, _direction(of), of.X, of.y, of.reg),
    "Gauss–Newton times a vector": lambda of: _both(
        two_layer.gauss_newton_product, _gauss_newton, of.params, _direction(of), of.X, of.y, of.reg
    ),
    "gradient of the data too": lambda of: _both(
        lambda *args: two_layer.loss_and_grad(*args, input_grad=True), _input_gradient, of.params, of.X, of.y, of.reg
    ),
    "Jacobian of the scores": lambda of: _both(two_layer.input_jacobian, _input_jacobian, of.params, of.X),
}
