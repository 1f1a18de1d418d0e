"""Other correct ways to write the same loss and gradient, which the oracle must accept."""

import numpy as np

from .two_layer import FORMULAS


def subtracted_in_place(q):
    ds = q.p.copy()
    ds[q.rows, q.y] -= 1
    ds /= q.N
    return ds


def masked_in_place(q):
    dz1 = q.dh.copy()
    dz1[q.h <= 0] = 0
    return dz1


def label_from_the_others(q):
    others = np.where(q.onehot, 0, q.p)
    return (others - q.onehot * np.sum(others, axis=1, keepdims=True)) / q.N


def scattered_dW2(q):
    dW2 = q.h.T @ q.p / q.N
    np.subtract.at(dW2.T, q.y, q.h / q.N)
    return dW2 + q.reg * q.W2


def row_by_row(q):
    answer = {name: np.zeros_like(a) for name, a in q.params.items()}
    for n in reversed(range(q.N)):
        answer["W1"] += np.outer(q.X[n], q.dz1[n])
        answer["b1"] += q.dz1[n]
        answer["W2"] += np.outer(q.h[n], q.ds[n])
        answer["b2"] += q.ds[n]
    for name in ("W1", "W2"):
        answer[name] += q.reg * q.params[name]
    return {"loss": q.J, **answer}


def narrowed(q):
    return {name: np.asarray(a, q.params["W1"].dtype) for name, a in FORMULAS["answer"](q).items()}


CORRECT = {
    "as above": {},
    "1 subtracted at the label": {"ds": subtracted_in_place},
    "masked in place by h": {"dz1": masked_in_place},
    "mask from h": {"dz1": lambda q: np.where(q.h > 0, q.dh, 0)},
    "slope is the sign of h": {"dz1": lambda q: q.dh * np.sign(q.h)},
    "relu by its mask": {"h": lambda q: q.z1 * (q.z1 > 0)},
    "relu by the absolute value": {"h": lambda q: (q.z1 + np.abs(q.z1)) / 2},
    "label's gradient from the others": {"ds": label_from_the_others},
    "log-sum-exp": {
        "lse": lambda q: np.logaddexp.reduce(q.t, axis=1, keepdims=True),
        "p": lambda q: np.exp(q.t - q.lse),
        "L": lambda q: np.mean(q.lse[:, 0] - q.t[q.rows, q.y]),
    },
    "weights a row": {"ds": lambda q: (q.p - q.onehot) * (1 / q.N)},
    "1/N at the very end": {
        "ds": lambda q: q.p - q.onehot,
        "dW1": lambda q: q.X.T @ q.dz1 / q.N + q.reg * q.W1,
        "db1": lambda q: np.sum(q.dz1, axis=0) / q.N,
        "dW2": lambda q: q.h.T @ q.ds / q.N + q.reg * q.W2,
        "db2": lambda q: np.sum(q.ds, axis=0) / q.N,
    },
    "einsum": {
        "z1": lambda q: np.einsum("nd,dh->nh", q.X, q.W1) + q.b1,
        "s": lambda q: np.einsum("nh,hc->nc", q.h, q.W2) + q.b2,
        "J": lambda q: q.L + 0.5 * q.reg * (np.einsum("dh,dh->", q.W1, q.W1) + np.einsum("hc,hc->", q.W2, q.W2)),
        "dW2": lambda q: np.einsum("nh,nc->hc", q.h, q.ds) + q.reg * q.W2,
        "dh": lambda q: np.einsum("nc,hc->nh", q.ds, q.W2),
        "dW1": lambda q: np.einsum("nd,nh->dh", q.X, q.dz1) + q.reg * q.W1,
    },
    "biases as a row of ones": {
        "dW1b1": lambda q: np.vstack([q.X.T, np.ones((1, q.N), q.X.dtype)]) @ q.dz1,
        "dW1": lambda q: q.dW1b1[:-1] + q.reg * q.W1,
        "db1": lambda q: q.dW1b1[-1].copy(),
        "db2": lambda q: np.ones(q.N, q.ds.dtype) @ q.ds,
    },
    "transposed": {"dW2": lambda q: (q.ds.T @ q.h).T + q.reg * q.W2, "dh": lambda q: (q.W2 @ q.ds.T).T},
    "repeated labels added up": {"dW2": scattered_dW2},
    "row by row, the last first": {"answer": row_by_row},
    "float64 inside": {
        "X": lambda q: q.given.astype(float),
        "W1": lambda q: q.params["W1"].astype(float),
        "W2": lambda q: q.params["W2"].astype(float),
        "b1": lambda q: q.params["b1"].astype(float),
        "b2": lambda q: q.params["b2"].astype(float),
        "answer": narrowed,
    },
}
