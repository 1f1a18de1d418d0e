"""Losses over scores and labels."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from mpmath import exp, log1p, mpf

from oracle.reference.exact_forms import zeros
from oracle.reference.recording import exact_form

__all__ = ["softmax_cross_entropy"]


def _exact(scores: Any, *, labels: Any) -> Any:
    N, C = scores.shape
    L, p = mpf(0), zeros((N, C))
    for n, y in enumerate(map(int, labels)):
        odds = [exp(scores[n, j] - scores[n, y]) for j in range(C)]  # e^{s_j − s_y} = p_j / p_y
        others = sum((odds[j] for j in range(C) if j != y), mpf(0))
        L += log1p(others) / N
        p[n] = [(-others if j == y else odds[j]) / (1 + others) for j in range(C)]
    return np.asarray(L, object), lambda dL: (p * (dL / mpf(N)),)


@exact_form(_exact)
def softmax_cross_entropy(
    scores: Annotated[Array, "N C", {"C": -jnp.inf}],
    *,
    labels: Annotated[Array, "N", "below C"],
    where: Array | None = None,
) -> Annotated[Array, ""]:
    """Return the mean over the rows of −log softmax(s)[y]."""
    log_p = jax.nn.log_softmax(scores, axis=1)
    return jnp.mean(-jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0], where=where)
