"""The rules: one operation each, its value and, under it, its pullback.

A rule is by hand what ``jax.vjp`` gives: ``value, backward = rule(x, ...)``, then ``(dx, ...) = backward(dvalue)``.
Positional arguments are differentiated, keyword-only arguments are not.
"""

from handgrad.rules.activations import (
    ACTIVATIONS,
    elu,
    gelu,
    hard_tanh,
    identity,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
)
from handgrad.rules.affine import affine
from handgrad.rules.arithmetic import (
    absolute,
    add,
    divide,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sqrt,
    subtract,
    where,
)
from handgrad.rules.losses import softmax_cross_entropy
from handgrad.rules.matmul import matmul
from handgrad.rules.penalties import l2
from handgrad.rules.rearrangements import broadcast_to, concatenate, getitem, reshape, scatter, transpose
from handgrad.rules.reductions import logsumexp, max, mean, sum, var
from handgrad.rules.rule import Pullback, Rule

#: The rules that the computational graph is built of, beside those that are derived as a whole.
PRIMITIVES: dict[str, Rule] = {
    f.__name__: f
    for f in (
        add, subtract, multiply, divide, negative, power, exp, log, expm1, log1p, sqrt, absolute, maximum, minimum,
        where, matmul, sum, mean, max, logsumexp, var, reshape, transpose, broadcast_to, concatenate, getitem, scatter,
    )
}  # fmt: skip

#: Every rule by name: what the property tests, the oracle and the documentation go through.
RULES: dict[str, Rule] = {
    "affine": affine,
    **ACTIVATIONS,
    "softmax_cross_entropy": softmax_cross_entropy,
    "l2": l2,
    **PRIMITIVES,
}

# fmt: off
__all__ = [
    "ACTIVATIONS", "PRIMITIVES", "RULES", "Pullback", "Rule", "absolute", "add", "affine", "broadcast_to",
    "concatenate", "divide", "elu", "exp", "expm1", "gelu", "getitem", "hard_tanh", "identity", "l2", "leaky_relu",
    "log", "log1p", "log_sigmoid", "logsumexp", "matmul", "max", "maximum", "mean", "minimum", "mish", "multiply",
    "negative", "power", "relu", "reshape", "scatter", "selu", "sigmoid", "silu", "softmax_cross_entropy", "softplus",
    "softsign", "sqrt", "subtract", "sum", "tanh", "transpose", "var", "where",
]
# fmt: on
