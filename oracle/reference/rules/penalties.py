"""Penalties on the size of the weights."""

from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from mpmath import mpf

from oracle.reference.annotations import Choices
from oracle.reference.recording import exact_form

__all__ = ["l2"]

#: The regularisation strengths of problems.
STRENGTHS = Choices(0.0, 1.0, 0.1, 3.5, 1e-8, 1e3, 1e6)


def _exact(W: Any, *, reg: float) -> Any:
    # an array first: mpmath would print it for an error
    return np.asarray(mpf(reg) / 2 * (W * W).sum(), object), lambda dR: (W * (dR * mpf(reg)),)


@exact_form(_exact)
def l2(W: Annotated[Array, "D H"], *, reg: Annotated[float, STRENGTHS]) -> Annotated[Array, ""]:
    """Return ½ reg Σ W²."""
    return 0.5 * reg * jnp.sum(W**2)
