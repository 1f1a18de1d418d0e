"""The two-layer network's loss and gradient as courses teach them: a table of formulas.

A mistake, or another correct way, is this table with a formula or two replaced.
"""

from dataclasses import dataclass

import numpy as np

FORMULAS = {
    "W1": lambda q: q.params["W1"],  # (D, H)
    "b1": lambda q: q.params["b1"],  # (H,)
    "W2": lambda q: q.params["W2"],  # (H, C)
    "b2": lambda q: q.params["b2"],  # (C,)
    "X": lambda q: q.given.astype(q.W1.dtype, copy=False),  # (N, D); integers may be given
    "N": lambda q: len(q.X),
    "C": lambda q: len(q.b2),
    "rows": lambda q: np.arange(q.N),
    "onehot": lambda q: np.eye(q.C, dtype=q.W2.dtype)[q.y],  # (N, C)
    # forward
    "z1": lambda q: q.X @ q.W1 + q.b1,  # (N, H)
    "h": lambda q: np.maximum(q.z1, 0),  # (N, H)
    "s": lambda q: q.h @ q.W2 + q.b2,  # (N, C)
    "t": lambda q: q.s - np.max(q.s, axis=1, keepdims=True),  # (N, C)
    "p": lambda q: np.exp(q.t) / np.sum(np.exp(q.t), axis=1, keepdims=True),  # (N, C)
    "L": lambda q: np.mean(np.log(np.sum(np.exp(q.t), axis=1)) - q.t[q.rows, q.y]),
    "J": lambda q: q.L + q.reg * (np.sum(q.W1**2) + np.sum(q.W2**2)) / 2,
    # backward
    "ds": lambda q: (q.p - q.onehot) / q.N,
    "dW2": lambda q: q.h.T @ q.ds + q.reg * q.W2,
    "db2": lambda q: np.sum(q.ds, axis=0),
    "dh": lambda q: q.ds @ q.W2.T,
    "dz1": lambda q: q.dh * (q.z1 > 0),
    "dW1": lambda q: q.X.T @ q.dz1 + q.reg * q.W1,
    "db1": lambda q: np.sum(q.dz1, axis=0),
    "answer": lambda q: {"loss": q.J, "W1": q.dW1, "b1": q.db1, "W2": q.dW2, "b2": q.db2},
}


class Quantities:
    """The quantities of one pass, each computed by its formula on first use and stored."""

    def __init__(self, problem, formulas):
        self.params, self.given, self.y, self.reg = problem.params, problem.X, problem.y, problem.reg
        self.formulas = FORMULAS | formulas

    def __getattr__(self, name):
        value = self.formulas[name](self)
        setattr(self, name, value)
        return value


@dataclass(frozen=True)
class Mistake:
    """Wrong formulas, and what the oracle must report.

    ``named`` lists exactly the arrays whose numbers are wrong, and patterns for the other failures.
    """

    named: tuple[str, ...]
    formulas: dict
    #: A public thread that has it.
    seen: str | None = None


def mistake(*named, seen=None, **formulas):
    return Mistake(named, formulas, seen)


def answers_by(formulas):
    """Return a function that answers a problem by the table with these formulas replaced."""

    def answers(problem):
        with np.errstate(all="ignore"):  # the oracle must notice, not a warning
            return Quantities(problem, formulas).answer

    return answers
