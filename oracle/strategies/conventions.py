"""Conventions of losses: mean or sum over the batch, the penalty with or without its ½, biases penalised or not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from oracle.reference.rules.arithmetic import multiply
from oracle.reference.rules.penalties import l2
from oracle.reference.tree import tree_leaves

__all__ = ["HANDGRAD", "Conventions"]


@dataclass(frozen=True)
class Conventions:
    """The conventions of a loss; without arguments, handgrad's own: mean cross-entropy + ½ reg Σ W².

    Weights are the parameters of two or more dimensions; all others count as biases.

    Parameters
    ----------
    mean : bool
        True if the cross-entropy is the mean over the batch, False if it is the sum.
    half : bool
        True if the penalty is ½ reg Σ W², False if it is reg Σ W².
    biases : bool
        True if the biases are penalised as well.

    Examples
    --------
    >>> import oracle
    >>> oracle.Conventions(mean=False)
    Conventions(mean=False, half=True, biases=False)

    References
    ----------
    ``docs/check.md``.
    """

    mean: bool = True
    half: bool = True
    biases: bool = False

    def strength(self, ndim: int, reg: Any) -> Any:
        """Return the factor of a parameter of so many dimensions in the gradient of the penalty."""
        return (reg if self.half else 2 * reg) * (self.biases or ndim > 1)

    def loss(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        """Return a reference's loss under these conventions."""

        def under_these(params: Any, X: Any, y: Any, reg: Any, *, where: Any = None) -> Any:
            J = loss(params, X, y, 0.0, where=where)
            if not self.mean:
                J = multiply(J, float(len(y)) if where is None else jnp.sum(where))  # type: ignore[arg-type]
            for a in tree_leaves(params).values():
                if self.biases or a.ndim > 1:
                    real = a if where is None else jnp.where(jnp.isfinite(a), a, 0)  # a padded class has the bias −∞
                    J = J + l2(real, reg=self.strength(a.ndim, reg))
            return J

        return loss if self == HANDGRAD else under_these


#: Mean cross-entropy + ½ reg Σ W².
HANDGRAD = Conventions()
