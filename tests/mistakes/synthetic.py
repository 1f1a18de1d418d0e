"""Invented mistakes, of kinds that the oracle was not built for."""

import numpy as np

from .reported import ALL, GRADIENTS, HIDDEN, softmax
from .two_layer import FORMULAS, mistake

remembered = {}


def clipped(g):
    return np.clip(g, -1, 1)


def with_norm_clipped(q):
    answer = FORMULAS["answer"](q)
    norm = float(np.sqrt(sum(np.sum(answer[name].astype(float) ** 2) for name in GRADIENTS)))
    return {name: a if name == "loss" else a * min(1, 5 / norm) if norm else a for name, a in answer.items()}


def remembered_by_shape(q):
    key = (q.X.shape, q.W2.shape, q.X.dtype)
    answer = remembered.setdefault(key, FORMULAS["answer"](q))
    return {name: a.copy() for name, a in answer.items()}


def one_entry_off(q):
    dW1 = FORMULAS["dW1"](q)
    dW1[-1, -1] *= 1 + 1e-9
    return dW1


def one_block_of_four(q):
    dW2 = q.h.T @ q.ds
    dW2[4:] = 0
    return dW2 + q.reg * q.W2


def whole_fours(q):
    n = q.N if q.N < 4 else q.N // 4 * 4
    return q.X[:n].T @ q.dz1[:n] + q.reg * q.W1


def taken_for_contiguous(a):
    memory = a if a.base is None else a.base
    return memory.ravel(order="K")[: a.size].reshape(a.shape)


SYNTHETIC = {
    # left over from training
    "dropout with a fixed seed": mistake(
        *ALL,
        keep=lambda q: ((np.random.default_rng(0).random(q.z1.shape) < 0.8) / 0.8).astype(q.z1.dtype),
        h=lambda q: np.maximum(q.z1, 0) * q.keep,
        dz1=lambda q: q.dh * (q.z1 > 0) * q.keep,
    ),
    "each entry clipped": mistake(
        *HIDDEN,
        "W2",
        answer=lambda q: {name: a if name == "loss" else clipped(a) for name, a in FORMULAS["answer"](q).items()},
    ),
    "the norm of all clipped": mistake(
        *GRADIENTS,
        answer=with_norm_clipped,
    ),
    "labels smoothed in the gradient": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - 0.9 * q.onehot - 0.1 / q.C) / q.N,
    ),
    "temperature in the gradient": mistake(
        *GRADIENTS,
        ds=lambda q: (softmax(q.s / 2, axis=1) - q.onehot) / q.N,
    ),
    "rows weighted by how rare their class is": mistake(
        *GRADIENTS,
        ds=lambda q: FORMULAS["ds"](q) / np.sum(q.onehot, axis=0)[q.y][:, None],
    ),
    "tiny gradients set to zero": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.z1 > 0) * (np.abs(q.dh) > 1e-4),
    ),
    # another loss
    "penalty is the norm and not its square": mistake(
        "loss",
        "W1",
        J=lambda q: q.L + q.reg * (np.sqrt(np.sum(q.W1**2)) + np.sum(q.W2**2) / 2),
        dW1=lambda q: q.X.T @ q.dz1 + q.reg * q.W1 / max(float(np.sqrt(np.sum(q.W1**2))), 1e-30),
    ),
    "penalty divided by N in the loss": mistake(
        "loss",
        J=lambda q: q.L + q.reg * (np.sum(q.W1**2) + np.sum(q.W2**2)) / 2 / q.N,
    ),
    "reg rounded to an integer": mistake(
        "W1",
        "W2",
        dW1=lambda q: q.X.T @ q.dz1 + round(q.reg) * q.W1,
        dW2=lambda q: q.h.T @ q.ds + round(q.reg) * q.W2,
    ),
    "reg no more than 1": mistake(
        "W1",
        dW1=lambda q: q.X.T @ q.dz1 + min(q.reg, 1) * q.W1,
    ),
    "penalty transposed where H = C": mistake(
        "W2",
        dW2=lambda q: q.h.T @ q.ds + q.reg * (q.W2.T if q.W2.shape == q.W2.T.shape else q.W2),
    ),
    "scores clipped at 50": mistake(
        *ALL,
        s=lambda q: np.clip(q.h @ q.W2 + q.b2, -50, 50),
    ),
    "exponentials without a shift": mistake(
        *ALL,
        t=lambda q: q.s,
    ),
    "relu clipped at 6 in the gradient": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.z1 > 0) * (q.z1 < 6),
    ),
    # the wrong thing at the right place
    "db1 before the mask": mistake(
        "b1",
        db1=lambda q: np.sum(q.dh, axis=0),
    ),
    "mask without the bias": mistake(
        *HIDDEN,
        dz1=lambda q: q.dh * (q.X @ q.W1 > 0),
    ),
    "labels sorted": mistake(
        *HIDDEN,
        "W2",
        ds=lambda q: (q.p - q.onehot[np.argsort(q.y)]) / q.N,
    ),
    "prediction taken for the label": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - np.eye(q.C, dtype=q.p.dtype)[np.argmax(q.s, axis=1)]) / q.N,
    ),
    "rows of X backwards": mistake(
        "W1",
        dW1=lambda q: q.X[::-1].T @ q.dz1 + q.reg * q.W1,
    ),
    "every array taken for contiguous": mistake(
        *ALL,
        "wrong only where an array is not C-contiguous",
        W1=lambda q: taken_for_contiguous(q.params["W1"]),
        W2=lambda q: taken_for_contiguous(q.params["W2"]),
        X=lambda q: taken_for_contiguous(FORMULAS["X"](q)),
    ),
    "divided by N - 1": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) / max(q.N - 1, 1),
    ),
    # for some sizes only
    "last rows dropped where N is no multiple of four": mistake(
        "W1",
        dW1=whole_fours,
    ),
    "hidden units after the fourth left out": mistake(
        "W2",
        dW2=one_block_of_four,
    ),
    "fourth class without a gradient": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p - q.onehot) * (np.arange(q.C) != 3) / q.N,
    ),
    # in the last digits
    "epsilon added to p in the gradient": mistake(
        *GRADIENTS,
        ds=lambda q: (q.p + 1e-8 - q.onehot) / q.N,
    ),
    "log-sum-exp that is not shifted": mistake(  # nothing overflows, but where scores are large p loses its digits
        *GRADIENTS,
        p=lambda q: np.exp(q.s - np.logaddexp.reduce(q.s, axis=1, keepdims=True)),
    ),
    "one entry off by a billionth of itself": mistake(
        "W1",
        dW1=one_entry_off,
    ),
    "float32 inside": mistake(
        *HIDDEN,
        dz1=lambda q: FORMULAS["dz1"](q).astype(np.float32).astype(q.z1.dtype),
    ),
    "loss a Python float": mistake(
        "loss has dtype float64, expected float32",
        J=lambda q: float(FORMULAS["J"](q)),
    ),
    # between calls
    "answer remembered by its shape": mistake(
        *ALL,
        answer=remembered_by_shape,
    ),
}
