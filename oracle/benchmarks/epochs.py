"""An epoch of minibatch SGD with momentum on the digits, in one program after another: same start, same order."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from handgrad import datasets, init_params, two_layer
from handgrad.training import fit
from handgrad.training.optimizers import apply_updates, sgd
from oracle import reference

__all__ = ["BATCH_SIZES", "PROGRAMS", "Epoch", "TrainingRun", "training_run"]

BATCH_SIZES = [32, 64, 200]

_EXAMPLES = 1600  # each batch size divides it: scikit-learn would penalise a smaller last batch by more
_MOMENTUM, _RATE = 0.9, 0.05

#: Returns the parameters after an epoch, always from the same start.
Epoch: TypeAlias = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class TrainingRun:
    """The parameters that an epoch starts from, and its examples in order."""

    params: dict[str, NDArray[Any]]
    X: NDArray[Any]
    y: NDArray[np.int64]
    batch_size: int
    reg: float = 1e-3

    @property
    def batches(self) -> list[slice]:
        """The rows of each batch."""
        return [slice(i, i + self.batch_size) for i in range(0, len(self.X), self.batch_size)]


def training_run(batch_size: int, dtype: Any) -> TrainingRun:
    """Return a run on 1,600 digits with 100 hidden units, always the same one."""
    X, y = datasets.digits()
    rng = np.random.default_rng(0)
    params = init_params([64, 100, 10], rng=rng, dtype=dtype)
    return TrainingRun(params, X[:_EXAMPLES].astype(dtype), y[:_EXAMPLES].astype(np.int64), batch_size)


def by_hand(of: TrainingRun) -> Epoch:
    """Return the training loop shown in the README."""
    opt = sgd(_RATE, momentum=_MOMENTUM)

    def epoch() -> Mapping[str, Any]:
        params, state = of.params, opt.init(of.params)
        for rows in of.batches:
            _, grads = two_layer.loss_and_grad(params, of.X[rows], of.y[rows], of.reg)
            updates, state = opt.update(grads, state, params)
            params = apply_updates(params, updates)
        return params

    return epoch


class _InOrder(np.random.Generator):
    """A generator whose permutations leave the order as it is."""

    def permutation(self, x: Any, axis: int = 0) -> Any:
        return np.arange(x)


def by_fit(of: TrainingRun) -> Epoch:
    """Return an epoch of :func:`handgrad.training.fit`, which also measures the accuracy on all the examples."""
    opt = sgd(_RATE, momentum=_MOMENTUM)

    def epoch() -> Mapping[str, Any]:
        rng = _InOrder(np.random.PCG64(0))
        return fit.fit(
            two_layer, of.params, of.X, of.y, optimizer=opt, batch_size=of.batch_size, rng=rng, epochs=1, reg=of.reg
        ).params

    return epoch


def by_scikit_learn(of: TrainingRun) -> Epoch:
    """Return an epoch of scikit-learn's ``MLPClassifier(solver="sgd")``, which divides its alpha by the batch size."""
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        of.params["b1"].shape,
        solver="sgd",
        alpha=of.reg * of.batch_size,
        batch_size=of.batch_size,
        learning_rate_init=_RATE,
        momentum=_MOMENTUM,
        nesterovs_momentum=False,
        shuffle=False,
        max_iter=1,
        warm_start=True,  # from the parameters as they are, with no velocity
    )
    W1, b1, W2, b2 = of.params.values()

    def epoch() -> Mapping[str, Any]:
        network.coefs_, network.intercepts_ = [W1.copy(), W2.copy()], [b1.copy(), b2.copy()]  # it writes into them
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one epoch is not enough to converge
            network.fit(of.X, of.y)
        (W1_, W2_), (b1_, b2_) = network.coefs_, network.intercepts_
        return {"W1": W1_, "b1": b1_, "W2": W2_, "b2": b2_}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(of.X, of.y)  # creates the parameters that each epoch replaces
    return epoch


def by_jax(of: TrainingRun) -> Epoch:
    """Return a Python loop over a compiled step: ``jax.value_and_grad`` and the update."""
    loss_and_grad = jax.value_and_grad(reference.NETWORKS["two_layer"].loss)

    @jax.jit
    def step(params: Any, velocity: Any, X: Any, y: Any) -> tuple[Any, Any, Any]:
        loss, grads = loss_and_grad(params, X, y, of.reg)
        velocity = jax.tree.map(lambda v, g: _MOMENTUM * v + g, velocity, grads)
        return jax.tree.map(lambda p, v: p - _RATE * v, params, velocity), velocity, loss

    start = jax.device_put((of.params, jax.tree.map(np.zeros_like, of.params)))
    batches = [jax.device_put((of.X[rows], of.y[rows])) for rows in of.batches]

    def epoch() -> Mapping[str, Any]:
        params, velocity = start
        for X, y in batches:
            params, velocity, _ = step(params, velocity, X, y)
        for p in params.values():
            p.block_until_ready()
        finished: Mapping[str, Any] = params
        return finished

    return epoch


def by_torch(of: TrainingRun) -> Epoch:
    """Return an epoch of PyTorch's autograd and its ``SGD``."""
    import torch
    from torch.nn.functional import cross_entropy

    X, y = torch.tensor(of.X), torch.tensor(of.y)

    def epoch() -> Mapping[str, Any]:
        params = {name: torch.tensor(p, requires_grad=True) for name, p in of.params.items()}
        W1, b1, W2, b2 = params.values()
        opt = torch.optim.SGD([*params.values()], lr=_RATE, momentum=_MOMENTUM)
        for rows in of.batches:
            s = torch.addmm(b2, torch.relu(torch.addmm(b1, X[rows], W1)), W2)
            loss = cross_entropy(s, y[rows]) + of.reg / 2 * ((W1 * W1).sum() + (W2 * W2).sum())
            opt.zero_grad()
            loss.backward()
            opt.step()
        return {name: p.detach() for name, p in params.items()}

    return epoch


#: The programs by name.
PROGRAMS: dict[str, Callable[[TrainingRun], Epoch]] = {
    "handgrad": by_hand,
    "handgrad's fit": by_fit,
    "scikit-learn": by_scikit_learn,
    "jax": by_jax,
    "torch": by_torch,
}
