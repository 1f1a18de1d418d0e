"""The rules: one operation each, its value and, under it, its pullback.

A rule is by hand what ``jax.vjp`` gives: ``value, backward = rule(x, ...)``, then ``(dx, ...) = backward(dvalue)``.
Positional arguments are differentiated, keyword-only arguments are not.
"""

from handgrad.rules import activations, arithmetic, reductions, shaping
from handgrad.rules.activations import *  # noqa: F403
from handgrad.rules.activations import ACTIVATIONS
from handgrad.rules.affine import affine
from handgrad.rules.arithmetic import *  # noqa: F403
from handgrad.rules.losses import softmax_cross_entropy
from handgrad.rules.matmul import matmul
from handgrad.rules.penalties import l2
from handgrad.rules.reductions import *  # noqa: F403
from handgrad.rules.rule import Pullback, Rule
from handgrad.rules.shaping import *  # noqa: F403

__all__ = ["PRIMITIVES", "RULES", "Pullback", "Rule", "affine", "l2", "matmul", "softmax_cross_entropy"]
__all__ += activations.__all__
__all__ += arithmetic.__all__
__all__ += reductions.__all__
__all__ += shaping.__all__

#: The rules that the computational graph is built of, beside those that are derived as a whole.
PRIMITIVES: dict[str, Rule] = {
    name: globals()[name] for name in (*arithmetic.__all__, "matmul", *reductions.__all__, *shaping.__all__)
}

#: Every rule by name: what the property tests, the oracle and the documentation go through.
RULES: dict[str, Rule] = {
    "affine": affine,
    **ACTIVATIONS,
    "softmax_cross_entropy": softmax_cross_entropy,
    "l2": l2,
    **PRIMITIVES,
}
