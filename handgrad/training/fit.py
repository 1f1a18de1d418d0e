"""Training: minibatch descent on a network's loss, with checkpoints to resume from."""

from __future__ import annotations  # numpy.random takes longer to import than handgrad

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.training.checkpoints import Tree, flatten, load_checkpoint, save_checkpoint
from handgrad.training.optimizers import Optimizer, Params, State, apply_updates
from handgrad.validation import NonFiniteError, check_count

__all__ = ["Fit", "History", "Network", "TrainingDiverged", "TrainingInterrupted", "accuracy", "fit"]

#: ``"loss"``, one per iteration, and ``"train_accuracy"`` and ``"val_accuracy"``, one per epoch.
History: TypeAlias = dict[str, list[float]]


class Network(Protocol):
    """A network that can be trained: a module of ``handgrad.networks``, or anything with these two functions."""

    def loss_and_grad(self, *args: Any, **kwargs: Any) -> tuple[Array, dict[str, Array]]:
        """``loss, grads = loss_and_grad(params, X, y, reg=reg, **network_options)``."""

    def predict(self, *args: Any, **kwargs: Any) -> Array:
        """``labels = predict(params, X, **network_options)``."""


class Fit(NamedTuple):
    """The result of :func:`fit`."""

    #: after the last iteration
    params: dict[str, Array]
    #: ``"loss"``, of each iteration's batch before its update; ``"train_accuracy"`` and ``"val_accuracy"`` (empty
    #: without a validation set), in [0, 1], after each full epoch
    history: History


class _TrainingStopped(BaseException):
    def __init__(self, message: str, params: dict[str, Array] | None = None, history: History | None = None) -> None:
        super().__init__(message)
        self.params, self.history = params or {}, history or {}


class TrainingDiverged(_TrainingStopped, RuntimeError):
    """The loss became infinite or NaN; ``params`` and ``history`` are the last ones with a finite loss."""


class TrainingInterrupted(_TrainingStopped, KeyboardInterrupt):
    """Ctrl-C was pressed; ``params`` and ``history`` are the last ones with a finite loss."""


def fit(
    network: Network,
    params: Params,
    X: Array,
    y: Array,
    *,
    optimizer: Optimizer,
    batch_size: int,
    rng: np.random.Generator,
    epochs: int | None = None,
    iterations: int | None = None,
    reg: float = 0.0,
    X_val: Array | None = None,
    y_val: Array | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: bool = False,
    **network_options: Any,
) -> Fit:
    """Train a network on minibatches and return its parameters and the history of the run.

    Each epoch goes through the examples in a new random order, ``batch_size`` at a time, without replacement. The last
    batch of an epoch is smaller if the examples do not divide evenly. A resumed run is the uninterrupted run, bit for
    bit.

    Parameters
    ----------
    network : module of ``handgrad.networks``, or any object with its ``loss_and_grad`` and ``predict``
    params : dict of arrays
        Initial parameters. They are not written to.
    X : (N, D) array of real numbers
        One example per row, N at least 1. Each batch is computed in the parameters' dtype.
    y : (N,) array of integers in [0, C)
        The class of each example.
    optimizer : Optimizer
        From ``handgrad.training.optimizers``.
    batch_size : int
        Examples per batch, at least 1; all of them if there are fewer.
    rng : numpy.random.Generator
        Draws the orders.
    epochs, iterations : int
        Length of the whole run, including the part before a resumption. Give exactly one of the two.
    reg : float
        Strength of the L2 penalty, at least 0.
    X_val, y_val : arrays, as X and y
        Validation set, whose accuracy is measured after each epoch.
    checkpoint : path
        File to save the run to: at the start, every ``checkpoint_every`` iterations, at the end, on Ctrl-C, and if
        training diverges, with the last parameters whose loss was finite.
    checkpoint_every : int
        Iterations between saves, by default those of an epoch.
    resume : path
        Checkpoint to resume from. It replaces ``params`` and the state of ``rng``. Pass all other arguments as in the
        first run; of the optimiser, only the layout of its state is checked.
    progress : bool
        True to report progress on stderr after the first second.
    **network_options
        Passed to the network's functions, for example ``activation="tanh"``.

    Returns
    -------
    Fit
        ``(params, history)``.

    Raises
    ------
    NonFiniteError
        If X or X_val holds an infinity or a NaN, or the loss is not finite at the start.
    TrainingDiverged
        If the loss stops being finite later.
    TrainingInterrupted
        On Ctrl-C. It is a KeyboardInterrupt.
    TypeError, ValueError
        If an argument is invalid, or the checkpoint is damaged or belongs to another run.
    OSError
        If a checkpoint cannot be read or written.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import fit, init_params, sgd, two_layer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)  # no straight line separates these
    >>> params = init_params([2, 16, 2], rng=rng)
    >>> opt = sgd(0.1, momentum=0.9)
    >>> params, history = fit(two_layer, params, X, y, optimizer=opt, epochs=40, batch_size=20, rng=rng)
    >>> len(history["loss"]), history["train_accuracy"][-1] > 0.9
    (200, True)

    References
    ----------
    H. Robbins, S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22(3), 1951.
    """
    X, y = np.asarray(X), np.asarray(y)
    X_val, y_val = (None if a is None else np.asarray(a) for a in (X_val, y_val))
    check_examples(X, y, X_val, y_val)
    check_entries("X", X)
    measures = {"train_accuracy": lambda params: accuracy(network, params, X, y, **network_options)}
    if X_val is not None:
        check_entries("X_val", X_val)
        measures["val_accuracy"] = lambda params: accuracy(network, params, X_val, y_val, **network_options)
    plan = make_plan(len(y), rng, batch_size, epochs, iterations, checkpoint_every)
    settings = settings_of(y, batch_size, reg, measures, network_options)

    def loss_and_grad(params: Params, rows: Array) -> tuple[Array, dict[str, Array]]:
        return network.loss_and_grad(params, X[rows], y[rows], reg=reg, **network_options)

    return descend(loss_and_grad, measures, params, plan, settings, optimizer, rng, checkpoint, resume, progress)


def accuracy(network: Network, params: Params, X: Array, y: Array, **network_options: Any) -> float:
    """Return the fraction of the examples that the network classifies correctly; takes the arguments of :func:`fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import softmax_classifier
    >>> from handgrad.training.fit import accuracy
    >>> accuracy(softmax_classifier, {"W1": np.eye(2), "b1": np.zeros(2)}, np.eye(2), np.array([0, 0]))
    0.5
    """
    X, y = np.asarray(X), np.asarray(y)
    check_examples(X, y)
    return count_correct(partial(network.predict, **network_options), params, X, y) / len(y)


def count_correct(predict: Callable[..., Array], params: Params, X: Array, y: Array) -> int:
    """Return the number of examples that are classified correctly."""
    parts = [slice(n, n + 1024) for n in range(0, len(y), 1024)]  # all at once would take N x H of memory
    return int(sum(np.sum(predict(params, X[p]) == y[p]) for p in parts))


class Plan(NamedTuple):
    """The length of a run, in iterations of one batch each."""

    examples: int
    batch_size: int
    per_epoch: int
    total: int
    checkpoint_every: int


def make_plan(
    examples: int,
    rng: np.random.Generator,
    batch_size: int,
    epochs: int | None,
    iterations: int | None,
    checkpoint_every: int | None,
) -> Plan:
    """Return the plan for these arguments of :func:`fit`; raise if one is invalid."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    batch_size = check_count("batch_size", batch_size)
    per_epoch = math.ceil(examples / batch_size)
    if (epochs is None) == (iterations is None):
        got = "neither" if epochs is None else "both"
        raise ValueError(f"exactly one of epochs and iterations must be given, got {got}")
    total = check_count("iterations", iterations) if epochs is None else check_count("epochs", epochs) * per_epoch
    every = per_epoch if checkpoint_every is None else check_count("checkpoint_every", checkpoint_every)
    return Plan(examples, batch_size, per_epoch, total, every)


def descend(
    loss_and_grad: Callable[[Params, Array], tuple[Array, dict[str, Array]]],
    measures: Mapping[str, Callable[[Params], float]],
    params: Params,
    plan: Plan,
    settings: str,
    optimizer: Optimizer,
    rng: np.random.Generator,
    checkpoint: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
    progress: bool,
) -> Fit:
    """Carry out a plan. Only ``loss_and_grad(params, rows)`` and the measures know where the examples are."""
    _, batch_size, per_epoch, total, every = plan
    history: History = {"loss": [], "train_accuracy": [], "val_accuracy": []}
    run = _Run(0, dict(params), optimizer.init(params), rng.bit_generator.state)
    if resume is not None:
        run, history = _resume(resume, run, settings, per_epoch, total, rng)

    def checked(run: _Run, rows: Array) -> tuple[float, dict[str, Array]]:
        loss, grads = loss_and_grad(run.params, rows)
        if not math.isfinite(loss):
            raise NonFiniteError(f"the loss is {loss}")
        return float(loss), grads

    def save(run: _Run) -> None:
        if checkpoint is not None:
            save_checkpoint(checkpoint, _to_tree(run, _until(run.iteration, history, per_epoch), settings))

    start = run.iteration
    ahead = run  # at most one iteration: run only ever holds parameters whose loss is known to be finite
    with _progress(start, total, per_epoch, progress) as report, np.errstate(over="ignore", invalid="ignore"):
        try:
            for i in range(start, total):
                k = i % per_epoch
                if k == 0 or i == start:
                    order = rng.permutation(plan.examples)
                rows = order[k * batch_size : (k + 1) * batch_size]
                loss, grads = checked(ahead, rows)
                run = ahead
                if i % every == 0:
                    save(run)

                updates, optimizer_state = optimizer.update(grads, run.optimizer_state, run.params)
                rng_state = rng.bit_generator.state if k == per_epoch - 1 else run.rng_state
                ahead = _Run(i + 1, apply_updates(run.params, updates), optimizer_state, rng_state)
                history["loss"].append(loss)
                if k == per_epoch - 1:
                    for name, measure in measures.items():
                        history[name].append(measure(ahead.params))
                report(i + 1, history)
            if ahead is not run:
                checked(ahead, rows)  # or nobody would notice that the last update blew up
                run = ahead
            save(run)
        except (NonFiniteError, KeyboardInterrupt) as error:
            if ahead is run and isinstance(error, NonFiniteError):
                raise  # before the first update: the arguments are at fault
            save(run)
            so_far = run.params, _until(run.iteration, history, per_epoch)
            if isinstance(error, KeyboardInterrupt):
                message = f"interrupted after {run.iteration} of {total} iterations"
                raise TrainingInterrupted(message, *so_far) from error
            state = ahead.optimizer_state
            at = f", at learning rate {state['learning_rate']:.4g}" if "learning_rate" in state else ""
            message = f"training diverged: after {run.iteration + 1} iterations the loss is no longer finite{at}"
            raise TrainingDiverged(message, *so_far) from error
    return Fit(run.params, history)


class _Run(NamedTuple):
    """The state of a run after some iterations: all that the next one depends on."""

    iteration: int
    params: dict[str, Array]
    optimizer_state: State
    #: the generator's, before it drew the order from which the next iteration takes its batch
    rng_state: Mapping[str, Any]


def _until(iteration: int, history: History, per_epoch: int) -> History:
    """Return the history up to that iteration: an interrupt may come when a little more has been recorded."""
    epochs = iteration // per_epoch
    return {name: values[: iteration if name == "loss" else epochs] for name, values in history.items()}


def _to_tree(run: _Run, history: History, settings: str) -> Tree:
    import json  # here, as it would take a good part of handgrad's import time

    return {
        "iteration": run.iteration,
        "params": run.params,
        "optimizer": run.optimizer_state,
        "history": history,
        "rng": json.dumps(run.rng_state, default=lambda a: a.tolist()),  # some generators' states hold arrays
        "settings": settings,
    }


def settings_of(
    y: Array, batch_size: int, reg: float, measures: Iterable[str], network_options: Mapping[str, Any]
) -> str:
    """Return, as JSON, the settings that a resumed run must share with the first one."""
    import json
    import zlib

    return json.dumps(
        {
            "examples": len(y),
            "checksum of y": zlib.crc32(y.astype(np.int64).tobytes()),  # detects another split
            "batch_size": batch_size,
            "reg": reg,
            "validation": "val_accuracy" in measures,
            **network_options,
        },
        default=lambda option: getattr(option, "__name__", repr(option)),  # an activation may be a function
    )


def _resume(
    path: str | os.PathLike[str], fresh: _Run, settings: str, per_epoch: int, total: int, rng: np.random.Generator
) -> tuple[_Run, History]:
    """Return the run in the checkpoint and its history, and set ``rng``; raise unless it continues ``fresh``."""
    import json

    tree = load_checkpoint(path)
    try:
        i = tree.get("iteration")
        if not isinstance(i, int) or not 0 <= i <= total:
            raise ValueError(f"its iteration must be in [0, {total}], where this run ends, got {i}")
        validates = json.loads(settings)["validation"]
        blank = {"loss": i, "train_accuracy": i // per_epoch, "val_accuracy": i // per_epoch * validates}
        expected = _to_tree(fresh, {name: [0.0] * n for name, n in blank.items()}, settings)
        _check_same(_layout(tree), _layout(expected))
        _check_same(json.loads(tree["settings"]), json.loads(settings))
        if not 0 <= (step := tree["optimizer"].get("step", i)) <= i:
            raise ValueError(f"optimizer/step must be in [0, {i}], up to its iteration, got {step}")
        rng_state = json.loads(tree["rng"])
        _check_position(rng_state, fresh.rng_state)
        rng.bit_generator.state = rng_state
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"cannot resume from {path}: {error}") from error
    history = {name: values.tolist() for name, values in tree["history"].items()}
    return _Run(i, tree["params"], tree["optimizer"], rng.bit_generator.state), history


def _layout(tree: Tree) -> dict[str, str]:
    """Return the dtype and shape of each entry of a checkpoint, by path."""
    return {path: "text" if a.dtype.kind == "U" else f"{a.dtype} {a.shape}" for path, a in flatten(tree)}


def _check_position(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise if MT19937 or Philox would read outside of its buffer, which NumPy does not check."""
    for position, length in (
        (saved["state"].get("pos", 0), len(own["state"].get("key", ()))),
        (saved.get("buffer_pos", 0), len(own.get("buffer", ()))),
    ):
        if not 0 <= position <= length:
            raise ValueError(f"its generator's position must be in [0, {length}], got {position}")


def _check_same(saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name in {**given, **saved}:
        a, b = (settings.get(name, "nothing") for settings in (saved, given))
        if a != b:
            raise ValueError(f"{name} differs from the checkpoint: {a} saved, {b} given")


def check_examples(X: Array, y: Array, X_val: Array | None = None, y_val: Array | None = None) -> None:
    """Raise unless shapes and dtypes are those of labelled examples, for training and for validation."""
    _check_pair("X", X, "y", y)
    if (X_val is None) != (y_val is None):
        raise ValueError(f"X_val and y_val must be given together, got {'y_val' if X_val is None else 'X_val'} alone")
    if X_val is not None:
        _check_pair("X_val", X_val, "y_val", y_val)
        if X_val.shape[1] != X.shape[1]:
            raise ValueError(f"X_val must have as many columns as X {X.shape}, got {X_val.shape}")


def _check_pair(X_name: str, X: Array, y_name: str, y: Array) -> None:
    if X.ndim != 2 or 0 in X.shape or y.shape != X.shape[:1]:
        raise ValueError(
            f"{X_name} and {y_name} must have shapes (N, D) and (N,), N and D at least 1, got {X.shape} and {y.shape}"
        )
    if y.dtype.kind not in "iu":
        raise TypeError(f"{y_name} must be integers, got dtype {y.dtype}")


def check_entries(name: str, X: Array) -> None:
    """Raise :class:`NonFiniteError` unless all entries are finite."""
    if not (math.isfinite(X.max()) and math.isfinite(X.min())):  # both are NaN if any entry is
        n, d = np.argwhere(~np.isfinite(X))[0]
        raise NonFiniteError(f"{name} must be finite, got {name}[{n}, {d}] = {X[n, d]}")


@contextmanager
def _progress(first: int, total: int, per_epoch: int, shown: bool) -> Iterator[Callable[[int, History], None]]:
    """Yield a function that reports progress on stderr: on a single line of a terminal, else a line per epoch or so."""
    start = last = time.perf_counter()
    terminal = sys.stderr.isatty()

    def report(iteration: int, history: History) -> None:
        nonlocal last
        now = time.perf_counter()
        too_soon = now - last < 0.1 if terminal else now - last < 1 or iteration % per_epoch
        if not shown or now - start < 1 or (too_soon and iteration < total):
            return
        last = now
        measured = [f"{name.replace('_', ' ')} {values[-1]:.4g}" for name, values in history.items() if values]
        left = (now - start) / (iteration - first) * (total - iteration)
        line = f"iteration {iteration} of {total}, {', '.join(measured)}, {left:.0f} s left"
        print(f"\r{line}\033[K" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        if terminal and last > start:
            print(file=sys.stderr)
