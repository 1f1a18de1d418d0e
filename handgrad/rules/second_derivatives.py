"""The second derivative of each activation, entry by entry, for the Hessian of a network.

Derivation: ``docs/derivations/second_order.md``. Where the slope jumps (ReLU at 0) or has a kink (softsign at 0) there
is no second derivative; these functions return that of one side, as JAX does.
"""

from collections.abc import Callable

from handgrad.arrays.namespace import Array, namespace
from handgrad.rules import activations
from handgrad.rules.activations import _exponentials, _sigmoids

__all__ = ["CURVATURES", "flat"]


def flat(z: Array) -> Array:
    """Return zeros: the second derivative of a piecewise linear function."""
    return namespace(z).zeros_like(z)


def _elu(z: Array) -> Array:
    xp = namespace(z)
    return xp.where(z > 0, 0, xp.exp(xp.minimum(z, 0)))


def _sigmoid(z: Array) -> Array:
    p, q = _sigmoids(z)
    return p * q * _q_minus_p(z)


def _tanh(z: Array) -> Array:
    h, backward = activations.tanh(z)
    return -2 * backward(h)[0]  # −2 tanh z sech² z


def _softplus(z: Array) -> Array:
    p, q = _sigmoids(z)
    return p * q


def _silu(z: Array) -> Array:
    p, q = _sigmoids(z)
    return p * q * (2 + z * _q_minus_p(z))


def _mish(z: Array) -> Array:
    a, c = _exponentials(z)
    p, q = a / (a + c), c / (a + c)
    n = a * (a + 2 * c)
    d = n + 2 * c * c
    dT = 4 * (a / d) * (c / d) * c * (a + c)  # T', as in mish
    return dT * (2 + z * (q - 2 * (n / d) * p))


def _softsign(z: Array) -> Array:
    xp = namespace(z)
    d = 1 + xp.abs(z)
    c = 2 / d / d / d
    return xp.where(z < 0, c, -c)


def _gelu(z: Array) -> Array:
    xp = namespace(z)
    w = xp.minimum(xp.maximum(z, -50), 50)
    u = activations._GELU_SCALE * (w + 0.044715 * w * w * w)  # 2u, as in gelu, and its derivatives
    du = activations._GELU_SCALE * (1 + 3 * 0.044715 * w * w)
    d2u = activations._GELU_SCALE * 6 * 0.044715 * w
    p, q = _sigmoids(u)
    return p * q * (2 * du + w * (_q_minus_p(u) * du * du + d2u))


def _q_minus_p(z: Array) -> Array:
    """Return σ(−z) − σ(z) = −tanh(z/2), accurate near 0."""
    xp = namespace(z)
    return xp.sign(z) * xp.expm1(-xp.abs(z)) / (1 + xp.exp(-xp.abs(z)))


#: f'' by the name of the activation.
CURVATURES: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(["identity", "relu", "leaky_relu", "hard_tanh"], flat),
    "elu": _elu,
    "selu": lambda z: activations._SELU_SCALE * activations._SELU_ALPHA * _elu(z),
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softplus": _softplus,
    "log_sigmoid": lambda z: -_softplus(z),
    "silu": _silu,
    "mish": _mish,
    "softsign": _softsign,
    "gelu": _gelu,
}
