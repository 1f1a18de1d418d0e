"""The activations, as ``jax.nn`` has them."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array

__all__ = [
    "elu",
    "gelu",
    "hard_tanh",
    "identity",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
]


def identity(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return z."""
    return z


def relu(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return max(0, z)."""
    return jax.nn.relu(z)


def leaky_relu(z: Annotated[Array, "N H"], *, negative_slope: float = 0.01) -> Annotated[Array, "N H"]:
    """Return z where z ≥ 0, else negative_slope z."""
    return jax.nn.leaky_relu(z, negative_slope)


def elu(z: Annotated[Array, "N H"], *, alpha: float = 1.0) -> Annotated[Array, "N H"]:
    """Return z where z > 0, else alpha (eᶻ − 1)."""
    return jax.nn.elu(z, alpha)


def selu(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return λ elu(z, α)."""
    return jax.nn.selu(z)


def sigmoid(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return 1 / (1 + e⁻ᶻ)."""
    return jax.nn.sigmoid(z)


def tanh(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return tanh z."""
    return jnp.tanh(z)


def softplus(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return log(1 + eᶻ)."""
    return jax.nn.softplus(z)


def log_sigmoid(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return log σ(z)."""
    return jax.nn.log_sigmoid(z)


def silu(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return z σ(z)."""
    return jax.nn.silu(z)


def mish(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return z tanh(softplus(z))."""
    return jax.nn.mish(z)


def softsign(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return z / (1 + |z|)."""
    return jax.nn.soft_sign(z)


def hard_tanh(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return min(max(z, −1), 1)."""
    return jax.nn.hard_tanh(z)


def gelu(z: Annotated[Array, "N H"]) -> Annotated[Array, "N H"]:
    """Return ½ z (1 + tanh(√(2/π) (z + 0.044715 z³)))."""
    return jax.nn.gelu(z, approximate=True)
