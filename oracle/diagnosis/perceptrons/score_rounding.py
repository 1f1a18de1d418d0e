"""The change of the answers with the scores' last digits: the error of a program that does not shift its scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.strategies.networks import NetworkProblem

__all__ = ["spread_of_scores"]

#: Units in the last place of a row's largest score: s, log Σ eˢ, and their difference are each rounded, twice over.
UNITS = 8


def spread_of_scores(problem: NetworkProblem) -> dict[str, NDArray[Any]]:
    """Return how far the loss and each gradient of a network move if each score does by 8 units in its last place.

    A softmax as exp(s − log Σ eˢ) is right for scores that are off by so much, and no more can be said of it. Where s
    is exact, because all that goes into it are small integers, the bound on a correct answer is tighter.
    """
    with np.errstate(all="ignore"):
        fwd = ForwardPass(problem)
        eps = UNITS * np.finfo(problem.dtype).eps * np.max(np.abs(fwd.s), axis=1, keepdims=True)
        moved = {"loss": np.asarray(np.sum(eps) * fwd.weight)}
        ds = 2 * eps * fwd.p * fwd.weight  # |∂pⱼ/∂sₖ| summed over k is 2 pⱼ(1 − pⱼ)
        for layer in fwd.magnitudes().backward(ds):
            moved |= {f"W{layer.i}": layer.dW, f"b{layer.i}": layer.db}
    return moved
