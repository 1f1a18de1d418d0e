"""Networks as objects, with the interface of the course CS231n; the package's functions do the work."""

from __future__ import annotations  # numpy.random takes longer to import than handgrad

import math
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.networks import init_params
from handgrad.networks.perceptrons import two_layer
from handgrad.training.fit import TrainingDiverged, TrainingInterrupted, accuracy, fit
from handgrad.training.optimizers import exponential_decay, sgd

__all__ = ["TwoLayerNet"]


class TwoLayerNet:
    """The network of ``handgrad.two_layer``, with its parameters in the attribute ``params``.

    s = max(0, X W1 + b1) W2 + b2, trained on the mean cross-entropy of the softmax of s, plus ½ reg (‖W1‖² + ‖W2‖²).
    Invalid arguments of its methods raise TypeError or ValueError, as those of the functions do.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and C, each at least 1.
    std : float
        Standard deviation of the initial weights; the initial biases are zero.
    rng : numpy.random.Generator
        Draws the initial weights and the order of the examples; by default a new one, different each time.

    Attributes
    ----------
    params : dict
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,), float64.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import TwoLayerNet
    >>> net = TwoLayerNet(4, 10, 3, std=0.1, rng=np.random.default_rng(0))
    >>> X, y = 10 * np.random.default_rng(1).standard_normal((5, 4)), np.array([0, 1, 2, 2, 1])
    >>> net.loss(X).shape
    (5, 3)
    >>> stats = net.train(X, y, X, y, learning_rate=0.1)
    >>> stats["train_acc_history"][-1], net.predict(X)
    (1.0, array([0, 1, 2, 2, 1]))

    References
    ----------
    ``docs/derivations/two_layer.md``. CS231n: Deep Learning for Computer Vision, Stanford, assignment 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        std: float = 1e-4,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.rng = np.random.default_rng() if rng is None else rng
        self.params = init_params([input_size, hidden_size, output_size], rng=self.rng, scheme=std)

    def loss(self, X: Array, y: Array | None = None, reg: float = 0.0) -> Any:
        """Return the scores of X or, given its labels, the loss and its gradient.

        Parameters
        ----------
        X : (N, D) array of real numbers
        y : (N,) array of integers in [0, C), or None
        reg : float
            Strength of the L2 penalty on the weights, at least 0.

        Returns
        -------
        (N, C) array, or (loss, dict)
            The scores if y is None, else the result of ``two_layer.loss_and_grad``.

        Examples
        --------
        >>> import numpy as np
        >>> from handgrad import TwoLayerNet
        >>> loss, grads = TwoLayerNet(4, 10, 3, std=0.0).loss(np.ones((5, 4)), np.zeros(5, int))
        >>> bool(np.isclose(loss, np.log(3))), grads["W2"].shape
        (True, (10, 3))
        """
        if y is None:
            return two_layer.scores(self.params, X)
        return two_layer.loss_and_grad(self.params, X, y, reg)

    def train(
        self,
        X: Array,
        y: Array,
        X_val: Array,
        y_val: Array,
        learning_rate: float = 1e-3,
        learning_rate_decay: float = 0.95,
        reg: float = 5e-6,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> dict[str, list[float]]:
        """Train from the current ``params`` by stochastic gradient descent, and update them.

        Parameters
        ----------
        X, y, X_val, y_val, reg, batch_size
            As for :func:`handgrad.training.fit.fit`.
        learning_rate : float
            Of the first epoch, at least 0.
        learning_rate_decay : float
            Factor on the learning rate after each epoch, in (0, 1].
        num_iters : int
            Number of batches, at least 1.
        verbose : bool
            True to report progress on stderr after the first second.

        Returns
        -------
        dict
            ``"loss_history"``, one per batch; ``"train_acc_history"`` and ``"val_acc_history"``, in [0, 1], one after
            each epoch and one at the end, if that falls within an epoch.

        Raises
        ------
        TrainingDiverged, TrainingInterrupted
            As ``handgrad.fit``; ``params`` are then the last ones with a finite loss.
        """
        per_epoch = max(1, math.ceil(len(X) / max(1, batch_size)))  # fit refuses a zero
        try:
            self.params, history = fit(
                two_layer,
                self.params,
                X,
                y,
                X_val=X_val,
                y_val=y_val,
                optimizer=sgd(exponential_decay(learning_rate, rate=learning_rate_decay, every=per_epoch)),
                reg=reg,
                iterations=num_iters,
                batch_size=batch_size,
                rng=self.rng,
                progress=verbose,
            )
        except (TrainingDiverged, TrainingInterrupted) as stopped:
            self.params = stopped.params
            raise
        if num_iters % per_epoch:
            history["train_accuracy"].append(accuracy(two_layer, self.params, X, y))
            history["val_accuracy"].append(accuracy(two_layer, self.params, X_val, y_val))
        return {
            "loss_history": history["loss"],
            "train_acc_history": history["train_accuracy"],
            "val_acc_history": history["val_accuracy"],
        }

    def predict(self, X: Array) -> Array:
        """Return the class with the highest score for each row of X, an (N, D) array; the first one of equals."""
        return two_layer.predict(self.params, X)
