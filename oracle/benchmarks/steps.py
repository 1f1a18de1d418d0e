"""The two-layer network's loss and gradient in one program after another, all for the same problem."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from handgrad import graph, init_params, two_layer
from oracle import reference

__all__ = ["PROGRAMS", "SHAPES", "Problem", "Shape", "Step", "problem"]

#: N, D, H, C: examples, inputs, hidden units, classes.
Shape: TypeAlias = tuple[int, int, int, int]

#: From a toy network on a lecture slide to one that fills a machine.
SHAPES: list[Shape] = [
    (5, 4, 10, 3),
    (64, 64, 100, 10),
    (200, 3072, 50, 10),
    (128, 784, 256, 10),
    (1024, 784, 512, 10),
    (2048, 3072, 1024, 100),
]

#: Returns the loss and the gradient of each parameter once all of it is computed.
Step: TypeAlias = Callable[[], tuple[Any, Mapping[str, Any]]]


@dataclass(frozen=True)
class Problem:
    """The arguments of the loss."""

    params: dict[str, NDArray[Any]]
    X: NDArray[Any]
    y: NDArray[np.int64]
    reg: float


def problem(shape: Shape, dtype: Any) -> Problem:
    """Return a random problem, always the same one."""
    N, D, H, C = shape
    rng = np.random.default_rng(0)
    params = init_params([D, H, C], rng=rng, dtype=dtype)
    return Problem(params, rng.standard_normal((N, D)).astype(dtype), rng.integers(0, C, N), 1e-3)


def products(of: Problem) -> Callable[[], Any]:
    """Return the five matrix products that no program can do without, and nothing else."""
    X, W1, W2 = of.X, of.params["W1"], of.params["W2"]
    N, C = len(X), W2.shape[1]
    h, ds = X @ W1, np.ones((N, C), X.dtype)

    def step() -> None:
        X @ W1
        h @ W2
        h.T @ ds
        ds @ W2.T
        X.T @ h

    return step


def calls(of: Problem) -> Step:
    """Return handgrad's step on arrays of one or two entries: as many calls, and nothing to compute."""
    return by_hand(problem((1, 1, 1, 2), of.X.dtype.type))


def by_hand(of: Problem) -> Step:
    """Return handgrad's hand-derived step."""
    return lambda: two_layer.loss_and_grad(of.params, of.X, of.y, of.reg)


def by_graph(of: Problem) -> Step:
    """Return the step of handgrad's computational graph, built from the same rules."""
    step = graph.value_and_grad(graph.network_loss)
    return lambda: step(of.params, of.X, of.y, of.reg)


def textbook(of: Problem) -> Step:
    """Return the step that courses teach: unshifted exponentials, fancy indexing, a mask written in place."""
    W1, b1, W2, b2 = of.params.values()
    X, y, reg, N = of.X, of.y, of.reg, len(of.X)

    def step() -> tuple[Any, Mapping[str, Any]]:
        h = np.maximum(0, X.dot(W1) + b1)
        s = h.dot(W2) + b2
        total = np.sum(np.exp(s), axis=1).reshape(N, 1)
        loss = np.sum(np.log(total) - s[np.arange(N), y].reshape(N, 1)) / N
        loss = loss + 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
        ds = np.exp(s) / total
        ds[np.arange(N), y] -= 1
        ds /= N
        dh = ds.dot(W2.T)
        dh[h <= 0] = 0
        return loss, {
            "W1": X.T.dot(dh) + reg * W1,
            "b1": np.sum(dh, axis=0),
            "W2": h.T.dot(ds) + reg * W2,
            "b2": np.sum(ds, axis=0),
        }

    return step


def by_jax(of: Problem) -> Step:
    """Return ``jax.jit(jax.value_and_grad(loss))`` of the textbook's loss."""
    return compiled(jax.value_and_grad(reference.NETWORKS["two_layer"].loss), of.params, of.X, of.y, of.reg)


def by_hand_in_jax(of: Problem) -> Step:
    """Return handgrad's lines on JAX's arrays, compiled."""
    return compiled(two_layer.loss_and_grad, of.params, of.X, of.y, of.reg)


def compiled(f: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """Return ``jax.jit(f)`` on these arguments; a call blocks until all of it is computed."""
    step = jax.jit(f)
    args = jax.device_put(args)

    def finished() -> Any:
        found = step(*args)
        for a in jax.tree.leaves(found):
            a.block_until_ready()
        return found

    return finished


def by_torch(of: Problem) -> Step:
    """Return PyTorch's autograd, eager."""
    import torch
    from torch.nn.functional import cross_entropy

    params = {name: torch.tensor(p, requires_grad=True) for name, p in of.params.items()}
    X, y = torch.tensor(of.X), torch.tensor(of.y)

    def step() -> tuple[Any, Mapping[str, Any]]:
        W1, b1, W2, b2 = params.values()
        s = torch.addmm(b2, torch.relu(torch.addmm(b1, X, W1)), W2)
        loss = cross_entropy(s, y) + of.reg / 2 * ((W1 * W1).sum() + (W2 * W2).sum())
        grads = torch.autograd.grad(loss, list(params.values()))
        return loss.detach(), dict(zip(params, grads))

    return step


def by_autograd(of: Problem) -> Step:
    """Return HIPS autograd, which traces NumPy."""
    import autograd
    import autograd.numpy as anp

    X, y, reg = of.X, of.y, of.reg
    rows = np.arange(len(y))

    def loss(params: Mapping[str, Any]) -> Any:
        W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
        s = anp.dot(anp.maximum(anp.dot(X, W1) + b1, 0), W2) + b2
        s = s - anp.max(s, axis=1, keepdims=True)
        L = anp.mean(anp.log(anp.sum(anp.exp(s), axis=1)) - s[rows, y])
        return L + reg / 2 * (anp.sum(W1 * W1) + anp.sum(W2 * W2))

    step = autograd.value_and_grad(loss)
    return lambda: step(of.params)


def by_mygrad(of: Problem) -> Step:
    """Return MyGrad, which records NumPy and has a fused cross-entropy."""
    import mygrad
    from mygrad.nnet.losses import softmax_crossentropy

    params = {name: mygrad.tensor(p) for name, p in of.params.items()}

    def step() -> tuple[Any, Mapping[str, Any]]:
        W1, b1, W2, b2 = params.values()
        h = mygrad.maximum(mygrad.matmul(of.X, W1) + b1, 0)
        L = softmax_crossentropy(mygrad.matmul(h, W2) + b2, of.y)
        loss = L + of.reg / 2 * (mygrad.sum(W1 * W1) + mygrad.sum(W2 * W2))
        loss.backward()
        return loss.data, {name: p.grad for name, p in params.items()}

    return step


#: The programs by name.
PROGRAMS: dict[str, Callable[[Problem], Callable[[], Any]]] = {
    "handgrad": by_hand,
    "products": products,
    "calls": calls,
    "textbook": textbook,
    "graph": by_graph,
    "jax": by_jax,
    "hand in jax": by_hand_in_jax,
    "torch": by_torch,
    "autograd": by_autograd,
    "mygrad": by_mygrad,
}
