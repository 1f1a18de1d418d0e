"""What a loss may mean by its batch and its penalty: other people's conventions are no mistakes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

__all__ = ["HANDGRAD", "Conventions"]


@dataclass(frozen=True)
class Conventions:
    """The conventions of a loss; without arguments, handgrad's own: mean cross-entropy + ½ reg Σ W².

    Parameters
    ----------
    mean : bool
        Whether the cross-entropy is the mean over the batch; if not, it is the sum.
    half : bool
        Whether the penalty is ½ reg Σ W²; if not, it is reg Σ W².
    biases : bool
        Whether the biases are penalised as well.

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

    def strength(self, name: str, reg: Any) -> Any:
        """Return c where the gradient of the penalty with respect to the parameter ``name`` is c times it."""
        return (reg if self.half else 2 * reg) * (self.biases or name.startswith("W"))

    def of(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        """Return a twin's ``loss(params, X, y, reg, *, where)`` as it is under these conventions.

        JAX may trace them as it does the parameters: one program, once compiled, serves all.
        """

        def under_these(params: Any, X: Any, y: Any, reg: Any, *, where: Any) -> Any:
            data = loss(params, X, y, 0.0, where=where)
            strength = jnp.where(self.half, reg, 2 * reg)
            squares = sum(
                # the bias of a padded class is −∞, and is nobody's parameter
                jnp.where(self.biases | name.startswith("W"), strength, 0.0)
                * jnp.sum(jnp.where(jnp.isfinite(a), a, 0) ** 2)
                for name, a in params.items()
            )
            return jnp.where(self.mean, data, data * jnp.sum(where)) + 0.5 * squares

        return under_these


#: Mean cross-entropy + ½ reg Σ W².
HANDGRAD = Conventions()
