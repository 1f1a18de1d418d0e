"""Wrong and correct single rules: the value and the pullback of a cotangent, as people write them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Version:
    """A way to write a rule; if it is wrong, what the oracle must report, and a public thread that has it."""

    rule: str
    answer: Callable
    named: tuple[str, ...] = ()
    seen: str | None = None


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax_cross_entropy(s, y):
    t = s - np.max(s, axis=1, keepdims=True)
    lse = np.log(np.sum(np.exp(t), axis=1, keepdims=True))
    ds = (np.exp(t - lse) - np.eye(s.shape[1], dtype=s.dtype)[y]) / len(s)
    return np.mean(lse[:, 0] - t[np.arange(len(s)), y]), ds


def upstream_ignored(s, dL, labels):
    L, ds = softmax_cross_entropy(s, labels)
    return {"value": L, "dscores": ds}


def upstream_used(s, dL, labels):
    L, ds = softmax_cross_entropy(s, labels)
    return {"value": L, "dscores": dL * ds}


def masked_in_place(z, dh):
    h = np.maximum(z, 0)
    dh *= z > 0
    return {"value": h, "dz": dh}


def tanh_in_place(z, dh):
    h = np.tanh(z, out=z)
    return {"value": h, "dz": dh * (1 - h * h)}


def sigmoid_of_sigmoid(z, dh):
    h = sigmoid(z)
    return {"value": h, "dz": dh * sigmoid(h) * (1 - sigmoid(h))}


def gelu_with_three_digits(z, dh):
    u = np.tanh(0.798 * (z + 0.0447 * z**3))
    return {"value": z / 2 * (1 + u), "dz": dh / 2 * (1 + u + z * (1 - u * u) * 0.798 * (1 + 3 * 0.0447 * z * z))}


WRONG = {
    "upstream gradient taken to be 1": Version(
        "softmax_cross_entropy", upstream_ignored, ("dscores",), "https://github.com/k2-fsa/k2/issues/341"
    ),
    "cotangent masked in place": Version(
        "relu", masked_in_place, ("the cotangent was written to", "dz shares memory with .*")
    ),
    "tanh computed in place": Version(
        "tanh",
        tanh_in_place,
        (
            "z was written to",
            "value shares memory with .*",
            "(value|dz) .* from call to call",
            "value of an earlier .*",
        ),
        "https://github.com/deeplearning4j/deeplearning4j/pull/364",
    ),
    "sigmoid' of the value and not of z": Version(
        "sigmoid", sigmoid_of_sigmoid, ("dz",), "https://github.com/tsoding/nn.h/issues/18"
    ),
    "constants with three digits": Version(
        "gelu", gelu_with_three_digits, ("value", "dz"), "https://github.com/tenstorrent/tt-metal/issues/55349"
    ),
    "bias gradient summed over everything": Version(
        "affine",
        lambda x, W, b, dz: {"value": x @ W + b, "dx": dz @ W.T, "dW": x.T @ dz, "db": np.full_like(b, np.sum(dz))},
        ("db",),
        "https://github.com/SethHWeidman/DLFS_code/issues/8",
    ),
    "penalty without the half": Version(
        "l2",
        lambda W, dR, reg: {"value": np.sum(reg * W * W), "dW": 2 * reg * W * dR},
        ("value", "dW"),
        "https://github.com/cs231n/cs231n.github.io/issues/89",
    ),
}

# Derivatives in terms of the value were reported as mistakes at least seven times, but are correct; for example,
# https://github.com/iamtrask/iamtrask.github.io/issues/12
CORRECT = {
    "sigmoid' by its value": Version(
        "sigmoid", lambda z, dh: {"value": sigmoid(z), "dz": dh * sigmoid(z) * (1 - sigmoid(z))}
    ),
    "tanh' by its value": Version("tanh", lambda z, dh: {"value": np.tanh(z), "dz": dh * (1 - np.tanh(z) ** 2)}),
    "relu' by its value": Version("relu", lambda z, dh: {"value": np.maximum(z, 0), "dz": dh * (np.maximum(z, 0) > 0)}),
    "softsign' by its value": Version(
        "softsign", lambda z, dh: {"value": z / (1 + abs(z)), "dz": dh * (1 - abs(z / (1 + abs(z)))) ** 2}
    ),
    "upstream gradient multiplied on last": Version("softmax_cross_entropy", upstream_used),
}
