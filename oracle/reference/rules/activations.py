"""The activations, as ``jax.nn`` has them."""

from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
import mpmath
from jax import Array
from mpmath import exp, expm1, log1p, mpf, sech, sqrt
from mpmath import tanh as tanh_

from oracle.reference.annotations import Choices
from oracle.reference.exact_forms import elementwise
from oracle.reference.recording import exact_form

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


NH: TypeAlias = Annotated[Array, "N H"]
_ALPHA, _SCALE = "1.6732632423543772848170429916717", "1.0507009873554804934193349852946"


def _sigma(z: Any) -> Any:
    return 1 / (1 + exp(-z))


def _mish_slope(z: Any) -> Any:
    softplus = log1p(exp(z))
    return tanh_(softplus) + z * sech(softplus) ** 2 * _sigma(z)


def _two_u(z: Any) -> Any:
    """Return twice the argument of GELU's tanh."""
    return 2 * sqrt(2 / mpmath.pi) * (z + mpf("0.044715") * z**3)


def _gelu_slope(z: Any) -> Any:
    p, q = _sigma(_two_u(z)), _sigma(-_two_u(z))
    return p + z * p * q * 2 * sqrt(2 / mpmath.pi) * (1 + 3 * mpf("0.044715") * z**2)


@exact_form(elementwise(lambda z: z, lambda z: mpf(1)))
def identity(z: NH) -> NH:
    """Return z."""
    return z


@exact_form(elementwise(lambda z: max(z, mpf(0)), lambda z: mpf(z > 0)))
def relu(z: NH) -> NH:
    """Return max(0, z)."""
    return jax.nn.relu(z)


@exact_form(
    elementwise(
        lambda z, negative_slope=0.01: z if z >= 0 else negative_slope * z,
        lambda z, negative_slope=0.01: mpf(1) if z >= 0 else mpf(negative_slope),
    )
)
def leaky_relu(z: NH, *, negative_slope: Annotated[float, Choices(0.01, 0.005, 0.02)] = 0.01) -> NH:
    """Return z where z ≥ 0, else negative_slope z."""
    return jax.nn.leaky_relu(z, negative_slope)


@exact_form(
    elementwise(
        lambda z, alpha=1.0: z if z > 0 else alpha * expm1(z), lambda z, alpha=1.0: mpf(1) if z > 0 else alpha * exp(z)
    )
)
def elu(z: NH, *, alpha: Annotated[float, Choices(1.0, 0.5, 2.0)] = 1.0) -> NH:
    """Return z where z > 0, else alpha (eᶻ − 1)."""
    return jax.nn.elu(z, alpha)


@exact_form(
    elementwise(
        lambda z: mpf(_SCALE) * (z if z > 0 else mpf(_ALPHA) * expm1(z)),
        lambda z: mpf(_SCALE) * (1 if z > 0 else mpf(_ALPHA) * exp(z)),
    )
)
def selu(z: NH) -> NH:
    """Return λ elu(z, α)."""
    return jax.nn.selu(z)


@exact_form(elementwise(_sigma, lambda z: _sigma(z) * _sigma(-z)))
def sigmoid(z: NH) -> NH:
    """Return 1 / (1 + e⁻ᶻ)."""
    return jax.nn.sigmoid(z)


@exact_form(elementwise(tanh_, lambda z: sech(z) ** 2))
def tanh(z: NH) -> NH:
    """Return tanh z."""
    return jnp.tanh(z)


@exact_form(elementwise(lambda z: max(z, mpf(0)) + log1p(exp(-abs(z))), _sigma))
def softplus(z: NH) -> NH:
    """Return log(1 + eᶻ)."""
    return jax.nn.softplus(z)


@exact_form(elementwise(lambda z: min(z, mpf(0)) - log1p(exp(-abs(z))), lambda z: _sigma(-z)))
def log_sigmoid(z: NH) -> NH:
    """Return log σ(z)."""
    return jax.nn.log_sigmoid(z)


@exact_form(elementwise(lambda z: z * _sigma(z), lambda z: _sigma(z) * (1 + z * _sigma(-z))))
def silu(z: NH) -> NH:
    """Return z σ(z)."""
    return jax.nn.silu(z)


@exact_form(elementwise(lambda z: z * tanh_(log1p(exp(z))), _mish_slope))
def mish(z: NH) -> NH:
    """Return z tanh(softplus(z))."""
    return jax.nn.mish(z)


@exact_form(elementwise(lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2))
def softsign(z: NH) -> NH:
    """Return z / (1 + |z|)."""
    return jax.nn.soft_sign(z)


@exact_form(elementwise(lambda z: min(max(z, mpf(-1)), mpf(1)), lambda z: mpf(abs(z) <= 1)))
def hard_tanh(z: NH) -> NH:
    """Return min(max(z, −1), 1)."""
    return jax.nn.hard_tanh(z)


@exact_form(elementwise(lambda z: z * _sigma(_two_u(z)), _gelu_slope))
def gelu(z: NH) -> NH:
    """Return ½ z (1 + tanh(√(2/π) (z + 0.044715 z³)))."""
    return jax.nn.gelu(z, approximate=True)
