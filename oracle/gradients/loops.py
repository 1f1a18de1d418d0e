"""The two-layer gradient neuron by neuron, in plain Python loops with no matrix in it.

This is how you first write it, and how slowly it runs. It shares nothing with the matrix form: no transpose, no
broadcasting, no mask, no vectorised function.
"""

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from oracle.strategies.networks import NetworkProblem
from oracle.strategies.problem import Problem

__all__ = ["answers", "loss_and_grad"]


def answers(problem: Problem) -> dict[str, NDArray[Any]] | None:
    """Return the loss and gradients of a two-layer network, or None for anything else."""
    if problem.name != "two_layer":
        return None
    two_layer = cast(NetworkProblem, problem)
    loss, grads = loss_and_grad(two_layer.params, two_layer.X, two_layer.y, two_layer.reg)
    return {"loss": np.asarray(loss), **grads}


def loss_and_grad(
    params: dict[str, NDArray[Any]], X: NDArray[Any], y: NDArray[Any], reg: float = 0.0
) -> tuple[float, dict[str, NDArray[np.float64]]]:
    """Return the two-layer network's loss and gradients, in float64."""
    W1, b1, W2, b2 = (params[name].tolist() for name in ("W1", "b1", "W2", "b2"))
    examples, labels = X.tolist(), y.tolist()
    N, D, H, C = len(examples), len(W1), len(b1), len(b2)
    dW1 = [[reg * W1[d][j] for j in range(H)] for d in range(D)]
    dW2 = [[reg * W2[j][c] for c in range(C)] for j in range(H)]
    db1, db2 = [0.0] * H, [0.0] * C
    loss = reg / 2 * (sum(w * w for row in W1 for w in row) + sum(w * w for row in W2 for w in row))

    for x, label in zip(examples, labels):
        # forward: each hidden neuron, then each class
        hidden = []
        for j in range(H):
            z = b1[j]
            for d in range(D):
                z += x[d] * W1[d][j]
            hidden.append(z if z > 0 else 0.0)
        scores = []
        for c in range(C):
            s = b2[c]
            for j in range(H):
                s += hidden[j] * W2[j][c]
            scores.append(s)
        highest = max(scores)
        weights = [math.exp(s - highest) for s in scores]
        total = sum(weights)
        loss += (highest - scores[label] + math.log(total)) / N

        # backward: what each class, then each hidden neuron passes on to its weights
        for c in range(C):
            ds = (weights[c] / total - (c == label)) / N
            db2[c] += ds
            for j in range(H):
                dW2[j][c] += hidden[j] * ds
        for j in range(H):
            if hidden[j] > 0:
                dz = 0.0
                for c in range(C):
                    dz += W2[j][c] * (weights[c] / total - (c == label)) / N
                db1[j] += dz
                for d in range(D):
                    dW1[d][j] += x[d] * dz

    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    return loss, {name: np.array(g, float).reshape(params[name].shape) for name, g in grads.items()}
