"""The activations, entry by entry: h = f(z), and under it dz = dh f'(z).

Each slope f' keeps its relative accuracy in both tails, where the textbook form in terms of h cancels or overflows.
At a kink it is what ``jax.nn`` takes it to be; ``docs/derivations/kinks.md`` lists them all.
"""

from collections.abc import Callable
from typing import TypeVar

from handgrad.arrays.namespace import Array, namespace
from handgrad.rules.rule import ALL_NEEDED, Needs, Pullback, Rule, entrywise

# fmt: off
__all__ = [
    "ACTIVATIONS", "elu", "gelu", "hard_tanh", "identity", "leaky_relu", "log_sigmoid", "mish",
    "relu", "selu", "sigmoid", "silu", "softplus", "softsign", "tanh",
]
# fmt: on

_SELU_ALPHA = 1.6732632423543772848170429916717  # the fixed point of mean 0 and variance 1
_SELU_SCALE = 1.0507009873554804934193349852946
_GELU_SCALE = 2 * 0.79788456080286535587989211986876  # 2 √(2/π)

_F = TypeVar("_F", bound=Rule)


def activation(slope: str, *, source: str = "") -> Callable[[_F], _F]:
    """Return the :func:`~handgrad.rules.rule.formula` of an activation h = f(z) with this slope."""
    return entrywise(f"dz = dh · slope, slope {slope}", x="z", z="h", source=source)


@activation("1")
def identity(z: Array) -> tuple[Array, Pullback]:
    """Return h = z, as a new array, and its pullback.

    >>> h, backward = identity(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-2.,  0.,  2.]), array([1., 1., 1.]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.asarray(dh, copy=True),)

    return xp.asarray(z, copy=True), backward


@activation(
    "1 where z > 0, else 0",
    source="V. Nair, G. Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010",
)
def relu(z: Array) -> tuple[Array, Pullback]:
    """Return h = max(0, z), and its pullback.

    At the kink z = 0 the slope is 0.

    >>> h, backward = relu(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([0., 0., 2.]), array([0., 0., 1.]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.where(z > 0, dh, 0),)

    return xp.maximum(z, 0), backward


@activation(
    "1 where z ≥ 0, else negative_slope",
    source="A. Maas et al., Rectifier nonlinearities improve neural network acoustic models, ICML 2013",
)
def leaky_relu(z: Array, *, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """Return h = z where z ≥ 0, else negative_slope · z, and its pullback.

    At the kink z = 0 the slope is 1.

    >>> h, backward = leaky_relu(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.02,  0.  ,  2.  ]), array([0.01, 1.  , 1.  ]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.where(z >= 0, dh, negative_slope * dh),)

    return xp.where(z >= 0, z, negative_slope * z), backward


@activation(
    "1 where z > 0, else alpha eᶻ",
    source="D. Clevert et al., Fast and accurate deep network learning by exponential linear units, ICLR 2016",
)
def elu(z: Array, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """Return h = z where z > 0, else alpha (eᶻ − 1), and its pullback.

    At z = 0, a kink unless alpha is 1, the slope is alpha.

    >>> h, backward = elu(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.8647,  0.    ,  2.    ]), array([0.1353, 1.    , 1.    ]))
    """
    xp = namespace(z)
    negative = xp.minimum(z, 0)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.where(z > 0, dh, alpha * xp.exp(negative) * dh),)

    return xp.where(z > 0, z, alpha * xp.expm1(negative)), backward


@activation(
    "λ where z > 0, else λ alpha eᶻ", source="G. Klambauer et al., Self-normalizing neural networks, NeurIPS 2017"
)
def selu(z: Array) -> tuple[Array, Pullback]:
    """Return h = λ elu(z) with alpha = 1.6733… and λ = 1.0507…, and its pullback.

    At the kink z = 0 the slope is λ alpha.

    >>> h, backward = selu(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-1.5202,  0.    ,  2.1014]), array([0.2379, 1.7581, 1.0507]))
    """
    h, elu_backward = elu(z, alpha=_SELU_ALPHA)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array, ...]:
        return elu_backward(_SELU_SCALE * dh)

    return _SELU_SCALE * h, backward


@activation("σ(z) σ(−z)")
def sigmoid(z: Array) -> tuple[Array, Pullback]:
    """Return h = σ(z) = 1 / (1 + e⁻ᶻ), and its pullback.

    The usual form of the slope, σ (1 − σ), is 0 from z = 37 on.

    >>> h, backward = sigmoid(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([0.1192, 0.5   , 0.8808]), array([0.105, 0.25 , 0.105]))
    """
    a, c = _exponentials(z)
    d = a + c

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dh * (a / d * (c / d)),)

    return a / d, backward


@activation("sech² z = (2 / (eᶻ + e⁻ᶻ))²")
def tanh(z: Array) -> tuple[Array, Pullback]:
    """Return h = tanh z, and its pullback.

    The usual form of the slope, 1 − tanh² z, is 0 from z = 19.1 on.

    >>> h, backward = tanh(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.964,  0.   ,  0.964]), array([0.0707, 1.    , 0.0707]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        a, c = _exponentials(z)
        sech = 2 * a * c / (a * a + c * c)
        return (dh * (sech * sech),)

    return xp.tanh(z), backward


@activation(
    "σ(z)",
    source="C. Dugas et al., Incorporating second-order functional knowledge for better option pricing, NeurIPS 2000",
)
def softplus(z: Array) -> tuple[Array, Pullback]:
    """Return h = log(1 + eᶻ), and its pullback.

    >>> h, backward = softplus(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([0.1269, 0.6931, 2.1269]), array([0.1192, 0.5   , 0.8808]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        p, _ = _sigmoids(z)
        return (dh * p,)

    return xp.maximum(z, 0) + xp.log1p(xp.exp(-xp.abs(z))), backward


@activation("σ(−z)")
def log_sigmoid(z: Array) -> tuple[Array, Pullback]:
    """Return h = log σ(z) = −log(1 + e⁻ᶻ), and its pullback.

    >>> h, backward = log_sigmoid(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-2.1269, -0.6931, -0.1269]), array([0.8808, 0.5   , 0.1192]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        _, q = _sigmoids(z)
        return (dh * q,)

    return xp.minimum(z, 0) - xp.log1p(xp.exp(-xp.abs(z))), backward


@activation(
    "σ(z) (1 + z σ(−z))",
    source="S. Elfwing et al., Sigmoid-weighted linear units for neural network function approximation, 2018",
)
def silu(z: Array) -> tuple[Array, Pullback]:
    """Return h = z σ(z), and its pullback.

    >>> h, backward = silu(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.2384,  0.    ,  1.7616]), array([-0.0908,  0.5   ,  1.0908]))
    """
    p, q = _sigmoids(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dh * (p * (1 + z * q)),)

    return z * p, backward


@activation("T + z T'", source="D. Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020")
def mish(z: Array) -> tuple[Array, Pullback]:
    """Return h = z T with T = tanh(log(1 + eᶻ)), and its pullback.

    With eᶻ = a / c, T = a (a + 2c) / (a (a + 2c) + 2c²), where nothing cancels.

    >>> h, backward = mish(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.2525,  0.    ,  1.944 ]), array([-0.1084,  0.6   ,  1.0693]))
    """
    a, c = _exponentials(z)
    n = a * (a + 2 * c)
    d = n + 2 * c * c  # T = n / d

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        dT = 4 * (a / d) * (c / d) * c * (a + c)  # T'
        return (dh * (n / d + z * dT),)

    return z * (n / d), backward


@activation(
    "1 / (1 + |z|)²",
    source="J. Bergstra et al., Quadratic polynomials learn better image features, Université de Montréal, 2009",
)
def softsign(z: Array) -> tuple[Array, Pullback]:
    """Return ``h = z / (1 + |z|)``, and its pullback.

    >>> h, backward = softsign(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.6667,  0.    ,  0.6667]), array([0.1111, 1.    , 0.1111]))
    """
    xp = namespace(z)
    d = 1 + xp.abs(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dh / d / d,)  # d² would overflow

    return z / d, backward


@activation(
    "1 where −1 ≤ z ≤ 1, else 0", source="R. Collobert, Large scale machine learning, thesis, Université Paris 6, 2004"
)
def hard_tanh(z: Array) -> tuple[Array, Pullback]:
    """Return h = min(max(z, −1), 1), and its pullback.

    At both kinks the slope is 1.

    >>> h, backward = hard_tanh(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-1.,  0.,  1.]), array([0., 1., 0.]))
    """
    xp = namespace(z)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.where(xp.abs(z) <= 1, dh, 0),)

    return xp.minimum(xp.maximum(z, -1), 1), backward


@activation(
    "σ(2u) (1 + z σ(−2u) 2u')", source="D. Hendrycks, K. Gimpel, Gaussian error linear units, arXiv:1606.08415, 2016"
)
def gelu(z: Array) -> tuple[Array, Pullback]:
    """Return h = ½ z (1 + tanh u) = z σ(2u) with u = √(2/π) (z + 0.044715 z³), GELU's tanh form, and its pullback.

    The usual form of the slope contains 1 + tanh u, which cancels on the left.

    >>> h, backward = gelu(np.array([-2.0, 0.0, 2.0]))
    >>> h.round(4), backward(np.ones(3))[0].round(4)
    (array([-0.0454,  0.    ,  1.9546]), array([-0.0861,  0.5   ,  1.0861]))
    """
    xp = namespace(z)
    w = xp.minimum(xp.maximum(z, -50), 50)  # beyond ±50 the sigmoids are 0 and 1 to the last bit, and w³ would overflow
    p, q = _sigmoids(_GELU_SCALE * (w + 0.044715 * w * w * w))  # σ(2u), σ(−2u)

    def backward(dh: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        slope = _GELU_SCALE * (1 + 3 * 0.044715 * w * w)  # 2u'
        return (dh * (p * (1 + w * q * slope)),)

    return z * p, backward


def _exponentials(z: Array) -> tuple[Array, Array]:
    """Return a and c, neither above 1, with a / c = eᶻ."""
    xp = namespace(z)
    u = xp.exp(-xp.abs(z))
    return xp.where(z >= 0, 1, u), xp.where(z >= 0, u, 1)


def _sigmoids(z: Array) -> tuple[Array, Array]:
    """Return σ(z) and σ(−z), each accurate where it is small."""
    a, c = _exponentials(z)
    return a / (a + c), c / (a + c)


#: Every activation by name, for ``mlp``'s ``activation=``.
ACTIVATIONS: dict[str, Rule] = {
    f.__name__: f
    for f in (
        identity, relu, leaky_relu, elu, selu, sigmoid, tanh,
        softplus, log_sigmoid, silu, mish, softsign, hard_tanh, gelu,
    )
}  # fmt: skip
