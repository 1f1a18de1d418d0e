"""The gradient, and training, over the rows of a ``dask.array``: on the cores of one machine, or on many machines.

Each worker computes the gradient on the chunks of rows that it holds, and a binary tree adds the gradients up. Rows
stay on their worker: parameters go out, gradients come back. If a worker is lost, another one computes its part again.
"""

from __future__ import annotations  # numpy.random takes longer to import than handgrad

import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.training import fit as local
from handgrad.training.fit import Fit, Network
from handgrad.training.optimizers import Optimizer, Params
from handgrad.validation import check_like

try:
    import dask
    import dask.array as da
    from dask.distributed import Client
    from dask.utils import parse_bytes
except ImportError as error:
    raise ImportError("a cluster needs Dask: pip install 'handgrad[dask]'") from error

__all__ = ["connect", "fit", "loss_and_grad"]

#: Dask's schedulers within this process.
LOCAL_SCHEDULERS = ("synchronous", "threads")

#: Code that local workers run first. A terminal sends Ctrl-C to all processes; we end the workers ourselves, in order.
IGNORE_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"

#: A loss and its gradient, or some rows' part of them.
_LossAndGrad: TypeAlias = tuple[Array, dict[str, Array]]
_Gradient: TypeAlias = Callable[..., _LossAndGrad]


def loss_and_grad(
    network: Network,
    params: Params,
    X: da.Array,
    y: da.Array,
    reg: float = 0.0,
    *,
    scheduler: str | Client | None = None,
    **network_options: Any,
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J and its gradient over all rows. Each chunk's part is computed where the chunk is.

    J is a mean over examples plus a penalty. So with n of the N examples in a chunk it is Σ n/N · J(chunk), and so is
    its gradient: chunks may differ in size, and the penalty counts once. The result equals that of
    ``network.loss_and_grad`` up to rounding; with one chunk, bit for bit. It does not depend on which worker computes
    which chunk, if the workers are alike.

    Parameters
    ----------
    network : module of ``handgrad.networks``, or any object with its ``loss_and_grad``
        Its code, and handgrad, must be installed on the workers.
    params : dict of arrays
    X : (N, D) dask array of real numbers
        One example per row, in chunks of whole rows of known sizes; empty chunks are skipped. If this process holds
        the data, each call sends it to the workers; ``X.persist()`` leaves it there.
    y : (N,) dask array of integers in [0, C)
        The class of each example. It is rechunked if its chunks are not X's.
    reg : float
        Strength of the L2 penalty, at least 0.
    scheduler : str or dask.distributed.Client, optional
        As :func:`connect` takes it: by default the client in use, or else a local cluster, started for this call,
        which takes seconds.
    **network_options
        Passed to the network, for example ``activation="tanh"``.

    Returns
    -------
    J : 0-d array, the parameters' dtype
    grads : dict
        A new array for each parameter, of its shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, before anything is sent; if a label is out of range, or an entry or the loss is not
        finite (NonFiniteError), with the rows of the chunk.
    OSError
        If no scheduler answers at the address, or it has no workers.
    dask.distributed.KilledWorker
        If one chunk has killed several workers, for example because it does not fit into their memory.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from handgrad.training import distributed
    >>> from handgrad import datasets, init_params, two_layer
    >>> X, y = (da.from_array(a, chunks=500) for a in datasets.digits())
    >>> params = init_params([64, 20, 10], rng=np.random.default_rng(0))
    >>> J, grads = distributed.loss_and_grad(two_layer, params, X.rechunk((500, 64)), y, 0.1, scheduler="threads")
    >>> whole, _ = two_layer.loss_and_grad(params, *datasets.digits(), 0.1)
    >>> bool(np.isclose(J, whole, rtol=1e-14))
    True

    References
    ----------
    ``docs/guides/cluster.md``.
    """
    _check_chunks("X", X, "y", y)
    local.check_examples(X, y)
    gradient = partial(network.loss_and_grad, reg=reg, **network_options)
    _check_network(gradient, params, X, np.zeros(1, y.dtype))
    with connect(scheduler) as scheduler:
        return _gradient(scheduler, gradient, params, [(block, None) for block in _blocks(X, y)], X.shape[0])


def fit(
    network: Network,
    params: Params,
    X: da.Array,
    y: da.Array,
    *,
    optimizer: Optimizer,
    batch_size: int,
    rng: np.random.Generator,
    epochs: int | None = None,
    iterations: int | None = None,
    reg: float = 0.0,
    X_val: da.Array | None = None,
    y_val: da.Array | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: bool = False,
    scheduler: str | Client | None = None,
    **network_options: Any,
) -> Fit:
    """Train a network on minibatches of rows that lie on many workers, like :func:`handgrad.training.fit.fit` on one.

    Batches are drawn from all rows, in the same order as there: with the same ``rng`` the run is the same up to
    rounding, and either function can resume the other's checkpoints. Rows are not sent. Each worker gets the numbers of
    its rows in the batch and computes their gradient; the batch's gradient is the mean, weighted by those numbers.

    Parameters
    ----------
    network, X, y, scheduler
        As for :func:`loss_and_grad`; the network needs a ``predict``, too. The workers keep the chunks of X in memory
        during the run, and this process keeps a copy of y.
    **network_options
        Passed to the network's functions, for example ``activation="tanh"``.
    X_val, y_val : dask arrays, as X and y
        Validation set, whose accuracy is measured after each epoch.
    params, optimizer, batch_size, rng, epochs, iterations, reg, checkpoint, checkpoint_every, resume, progress
        As for :func:`handgrad.training.fit.fit`. They stay in this process.

    Returns
    -------
    Fit
        ``(params, history)``, as from :func:`handgrad.training.fit.fit`.

    Raises
    ------
    NonFiniteError, TrainingDiverged, TrainingInterrupted, TypeError, ValueError, OSError, KilledWorker
        As :func:`handgrad.training.fit.fit` and :func:`loss_and_grad`.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from handgrad.training import distributed
    >>> from handgrad import datasets, init_params, sgd, two_layer
    >>> X, y = (da.from_array(a, chunks=(600, 64)[: a.ndim]) for a in datasets.digits())
    >>> rng = np.random.default_rng(0)
    >>> params = init_params([64, 20, 10], rng=rng)
    >>> opt = sgd(0.2, momentum=0.9)
    >>> params, history = distributed.fit(
    ...     two_layer, params, X, y, optimizer=opt, epochs=5, batch_size=100, rng=rng, scheduler="threads"
    ... )
    >>> history["train_accuracy"][-1] > 0.9
    True

    References
    ----------
    ``docs/guides/cluster.md``.
    """
    _check_chunks("X", X, "y", y)
    if X_val is not None and y_val is not None:
        _check_chunks("X_val", X_val, "y_val", y_val)
    local.check_examples(X, y, X_val, y_val)
    N = X.shape[0]
    plan = local.make_plan(N, rng, batch_size, epochs, iterations, checkpoint_every)
    gradient = partial(network.loss_and_grad, reg=reg, **network_options)
    predict = partial(network.predict, **network_options)
    _check_network(gradient, params, X, np.zeros(1, y.dtype))

    with connect(scheduler) as scheduler:
        data = {"train_accuracy": _persist(scheduler, X, y)}
        if X_val is not None:
            data["val_accuracy"] = _persist(scheduler, X_val, y_val)
        blocks = data["train_accuracy"]
        labels = _compute(scheduler, dask.delayed(np.concatenate)([b.y for b in blocks]))
        _check_network(gradient, params, X, np.array([labels.min(), labels.max()]))
        for name, parts in zip(("X", "X_val"), data.values()):
            _compute(scheduler, dask.delayed(list)([_task(local.check_entries, b, name, b.X) for b in parts]))
        starts = np.array([b.start for b in blocks])

        def loss_and_grad(params: Params, rows: Array) -> _LossAndGrad:
            owner: Array = np.searchsorted(starts, rows, side="right") - 1
            order = np.argsort(owner, kind="stable")
            owners = np.unique(owner)
            of_each = np.split(rows[order], np.searchsorted(owner[order], owners[1:]))
            parts = [(blocks[k], part - starts[k]) for k, part in zip(owners, of_each)]
            return _gradient(scheduler, gradient, params, parts, len(rows))

        def accuracy(blocks: list[_Block], params: Params) -> float:
            shared = dask.delayed(dict(params), pure=False, traverse=False)
            counts = [_task(local.count_correct, b, predict, shared, b.X, b.y) for b in blocks]
            return float(_compute(scheduler, dask.delayed(sum)(counts), params) / blocks[-1].stop)

        measures = {name: partial(accuracy, parts) for name, parts in data.items()}
        settings = local.settings_of(labels, batch_size, reg, measures, network_options)
        return local.descend(
            loss_and_grad, measures, params, plan, settings, optimizer, rng, checkpoint, resume, progress
        )


@contextmanager
def connect(
    scheduler: str | Client | None = None, *, workers: int | None = None, timeout: float = 10.0
) -> Iterator[Client | str]:
    """Yield a scheduler for Dask's functions, and close whatever was started for it.

    Parameters
    ----------
    scheduler : str or dask.distributed.Client, optional
        The address of a scheduler (``"tcp://10.0.0.1:8786"``) or a client of one; or ``"threads"`` or
        ``"synchronous"``, Dask's schedulers within this process. By default the client in use, if there is one, or
        else a local cluster: processes of one thread each, reachable from this machine alone. They import the program's
        main module, so a script must start its work under ``if __name__ == "__main__":``.
    workers : int, optional
        Number of processes of a new local cluster, whether a client is in use or not; by default one per core.
    timeout : float
        Seconds to wait for a scheduler at an address and its first worker. A client keeps its own timeout.

    Yields
    ------
    dask.distributed.Client or str
        Valid as ``scheduler=`` here and in Dask's own functions.

    Raises
    ------
    OSError
        If no scheduler answers at the address, or it has no workers.
    TypeError, ValueError
        If the scheduler is none of these, or workers is not an integer of at least 1.

    Examples
    --------
    >>> import dask.array as da
    >>> from handgrad.training.distributed import connect
    >>> with connect("threads") as scheduler:
    ...     int(da.ones(3).sum().compute(scheduler=scheduler))
    3

    References
    ----------
    M. Rocklin, Dask: parallel computation with blocked algorithms and task scheduling, SciPy 2015.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers must be an integer of at least 1, got {workers!r}")
    if scheduler is not None and workers is not None:
        raise ValueError(f"scheduler and workers cannot be given together, got {scheduler!r} and {workers}")
    if scheduler is None and workers is None:
        with suppress(ValueError):
            scheduler = Client.current()
    if scheduler is None:
        quiet = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}, "preload": IGNORE_SIGINT}
        with Client(n_workers=workers, threads_per_worker=1, set_as_default=False, **quiet) as client:
            yield client
    elif isinstance(scheduler, Client) or scheduler in LOCAL_SCHEDULERS:
        yield scheduler
    elif not isinstance(scheduler, str):
        raise TypeError(f"scheduler must be an address or a dask.distributed.Client, got {type(scheduler).__name__}")
    elif not re.fullmatch(r"(tcp|tls|ucx|wss?)://.+:\d+", scheduler):
        choices = " or ".join(("an address such as tcp://10.0.0.1:8786", *LOCAL_SCHEDULERS))
        raise ValueError(f"scheduler must be {choices}, got {scheduler!r}")
    else:
        try:
            client = Client(scheduler, timeout=timeout, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"no Dask scheduler answers at {scheduler}: {error}") from error
        with client:
            try:
                client.wait_for_workers(1, timeout=timeout)
            except TimeoutError as error:
                raise ConnectionError(f"the Dask scheduler at {scheduler} has no workers") from error
            yield client


class _Block(NamedTuple):
    """A chunk of the rows from ``start`` to before ``stop``, as delayed arrays."""

    start: int
    stop: int
    X: Any
    y: Any


def _check_chunks(X_name: str, X: da.Array, y_name: str, y: da.Array) -> None:
    """Raise unless both are dask arrays of known sizes, X of whole rows."""
    for name, a in ((X_name, X), (y_name, y)):
        if not isinstance(a, da.Array):
            raise TypeError(f"{name} must be a dask array, as from dask.array.from_array, got {type(a).__name__}")
        if np.isnan(a.shape).any():
            raise ValueError(f"{name} must have chunks of known sizes, got shape {a.shape}: call compute_chunk_sizes()")
    if X.ndim == 2 and X.numblocks[1] > 1:  # merging them moves all the data, which the caller has to decide
        raise ValueError(f"{X_name} must have chunks of whole rows, got columns in {X.chunks[1]}: rechunk({{1: -1}})")


def _blocks(X: da.Array, y: da.Array) -> list[_Block]:
    """Return the chunks that are not empty."""
    rows = X.chunks[0]
    stops = itertools.accumulate(rows)
    # without optimising: Dask's optimisation releases persisted arrays
    parts = zip(rows, stops, *(a.to_delayed(optimize_graph=False).ravel() for a in (X, y.rechunk((rows,)))))
    return [_Block(stop - n, stop, X_part, y_part) for n, stop, X_part, y_part in parts if n]


def _persist(scheduler: Client | str, X: da.Array, y: da.Array) -> list[_Block]:
    """Return the chunks, kept in memory where they are computed."""
    arrays = X, y.rechunk((X.chunks[0],))
    if isinstance(scheduler, Client):
        return _blocks(*scheduler.persist(arrays))
    return _blocks(*dask.persist(*arrays, scheduler=scheduler))


def _compute(scheduler: Client | str, task: Any, params: Params | None = None) -> Any:
    """Return the result of a task that may contain the parameters."""
    if not isinstance(scheduler, Client):
        return task.compute(scheduler=scheduler)
    # Dask warns of tasks that contain much data, which could be sent before; the parameters change with each task
    limit = "distributed.admin.large-graph-warning-threshold"
    size = sum(p.nbytes for p in (params or {}).values())
    with dask.config.set({limit: parse_bytes(dask.config.get(limit, "10MB")) + size}):
        return scheduler.compute(task, optimize_graph=False).result()


def _check_network(gradient: _Gradient, params: Params, X: da.Array, y: Array) -> None:
    """Raise whatever the network raises for rows of zeros with these labels: all errors but those in the data."""
    zeros = np.zeros_like(X._meta, shape=(len(y), X.shape[1]))
    _, grads = _call(gradient, "tried on rows of zeros", params, zeros, y)
    check_like(params, grads, "the gradient")  # input_grad=True adds an entry, which could not be summed


def _gradient(
    scheduler: Client | str, gradient: _Gradient, params: Params, parts: list[tuple[_Block, Array | None]], N: int
) -> _LossAndGrad:
    """Return the objective and its gradient over these rows of each block, None for all of it: N rows in total."""
    # a task like any other: the scheduler can rebuild the parameters if all workers that hold them die
    shared = dask.delayed(dict(params), pure=False, traverse=False)
    terms = []
    for block, rows in parts:
        n = block.stop - block.start if rows is None else len(rows)
        terms.append(_task(_weighted, block, gradient, n / N, shared, block.X, block.y, rows))
    while len(terms) > 1:
        pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
        terms = [dask.delayed(_sum, pure=False)(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    total: _LossAndGrad = _compute(scheduler, terms[0], params)
    return total


def _weighted(
    gradient: _Gradient, weight: float, params: Params, X: Array, y: Array, rows: Array | None
) -> _LossAndGrad:
    loss, grads = gradient(params, X, y) if rows is None else gradient(params, X[rows], y[rows])
    return weight * loss, {name: weight * g for name, g in grads.items()}


def _sum(a: _LossAndGrad, b: _LossAndGrad) -> _LossAndGrad:
    return a[0] + b[0], {name: g + b[1][name] for name, g in a[1].items()}


def _task(f: Callable[..., Any], block: _Block, *args: Any) -> Any:
    return dask.delayed(_call, pure=False)(f, f"in rows {block.start} to {block.stop - 1}", *args)


def _call(f: Callable[..., Any], where: str, *args: Any) -> Any:
    """Return f(*args); add the place to the error that it raises."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite raises here or in fit
            return f(*args)
    except (TypeError, ValueError) as error:
        error.args = (f"{where}: {error}",)
        raise
