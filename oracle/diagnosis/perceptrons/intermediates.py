"""The first wrong one of the intermediates that a candidate returns."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass
from oracle.diagnosis.perceptrons.probes import TOLERANCE
from oracle.strategies.networks import NetworkProblem

__all__ = ["first_wrong_stage"]


def first_wrong_stage(problem: NetworkProblem, given: Mapping[str, NDArray[Any]]) -> str:
    """Return the name of the first wrong quantity, and the last correct one before it; "" if all are correct."""
    last = ""
    for names, right in _quantities(ForwardPass(problem)):
        for name in names:
            if name not in given:
                continue
            a = np.asarray(given[name], float)
            if a.shape != right.shape:
                return f"{name} must have shape {right.shape}, got {a.shape}{last}"
            if not np.all(np.abs(a - right) <= 2**8 * TOLERANCE * np.max(np.abs(right), initial=1e-300)):
                return f"{name}{last}"
            last = f", after {name}, which is right"
    return ""


def _quantities(fwd: ForwardPass) -> Iterator[tuple[tuple[str, ...], NDArray[Any]]]:
    """Yield the quantities in the order in which they are computed, each with all names that people give it."""
    L, alone = fwd.depth, fwd.depth == 2  # a single hidden layer needs no number
    for i in range(1, L):
        yield (f"z{i}", *["z"] * alone), fwd.z[i]
        yield (f"h{i}", *["h", "hidden"] * alone, f"a{i}", *["a"] * alone), fwd.h[i]
    yield ("s", "scores", "logits", "f", f"z{L}"), fwd.s
    yield ("p", "probs", "probabilities", "y_hat"), fwd.p
    yield ("ds", "dscores", "dlogits", "dS", f"dz{L}"), fwd.ds
    for layer in fwd.backward():
        if layer.i < L:
            yield (f"dh{layer.i}", *["dh", "dhidden"] * alone, f"da{layer.i}", *["da"] * alone), layer.dh
            yield (f"dz{layer.i}", *["dz"] * alone), layer.dz
