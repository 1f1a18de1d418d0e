"""The gradient and training over the rows of a ``dask.array``: on the cores of one machine, or on many machines.

Each worker computes the gradient on the chunks of rows that it holds, and a binary tree adds them up. Rows never
leave their worker: the parameters go out, gradients come back. What a worker lost, as when it was killed, another
computes again.
"""

from __future__ import annotations  # as in handgrad.training

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.training.fit import (
    Fit,
    Network,
    check_entries,
    check_examples,
    count_correct,
    descend,
    make_plan,
    settings_of,
)
from handgrad.training.optimizers import Optimizer
from handgrad.validation import check_like

try:
    import dask
    import dask.array as da
    from dask.distributed import Client
    from dask.utils import parse_bytes
except ImportError as error:
    raise ImportError("a cluster needs Dask: pip install 'handgrad[dask]'") from error

__all__ = ["connect", "fit", "loss_and_grad"]

#: Dask's own schedulers in this process, which need no cluster.
_HERE = ("synchronous", "threads")

#: What local workers begin with. A terminal's Ctrl-C reaches all processes: it is for us to end them, in good order.
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"

#: What some rows add to the objective, and to its gradient.
_Share: TypeAlias = tuple[Array, dict[str, Array]]


def loss_and_grad(
    network: Network,
    params: Mapping[str, Array],
    X: da.Array,
    y: da.Array,
    reg: float = 0.0,
    *,
    scheduler: str | Client | None = None,
    **network_options: Any,
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J and its gradient over all rows, each chunk's computed where it is.

    J is a mean over examples plus a penalty, so with n of the N examples in a chunk it is Σ n/N · J(chunk), and so is
    its gradient: chunks need not be of one size, and the penalty counts once. What ``network.loss_and_grad`` gives on
    one machine, this gives to rounding: with one chunk bit for bit, and with more the same whoever computes which, if
    the workers are alike.

    Parameters
    ----------
    network : module of ``handgrad.networks``, or any object with its ``loss_and_grad``
        Its code must be installed where the workers are, as handgrad must.
    params : dict of arrays
    X : (N, D) dask array of real numbers
        One example a row, in chunks of whole rows of known sizes; chunks without a row are left out. Its data travels
        to the workers in each call if it is held by this process: ``X.persist()`` leaves it there.
    y : (N,) dask array of integers in [0, C)
        The right class of each example; chunked anew if its chunks are not X's.
    reg : float
        Strength of the L2 penalty, 0 or more.
    scheduler : str or dask.distributed.Client, optional
        Who computes, as :func:`connect` takes it. By default it is the client that is in use, and without one a local
        cluster, begun for this call alone, which takes seconds.
    **network_options
        Handed to the network, for example ``activation="tanh"``.

    Returns
    -------
    J : 0-d array, the parameters' dtype
    grads : dict
        A new array for each parameter, of its shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, before anything is sent; if a label is out of range or an entry or the loss is not
        finite (NonFiniteError), with the rows of the chunk that it was found in.
    OSError
        If there is no scheduler at the address, or it has no workers.
    dask.distributed.KilledWorker
        If one chunk after the other worker has died of the same chunk, as when it does not fit into their memory.

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
    check_examples(X, y)
    gradient = partial(network.loss_and_grad, reg=reg, **network_options)
    _try_out(gradient, params, X, np.zeros(1, y.dtype))
    with connect(scheduler) as at:
        return _gradient(at, gradient, params, [(block, None) for block in _blocks(X, y)], X.shape[0])


def fit(
    network: Network,
    params: Mapping[str, Array],
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
    """Train a network on minibatches of rows that lie on many workers, as :func:`handgrad.training.fit` does on one.

    Batches are drawn from all rows, in the same order as there: with the same ``rng`` the run is the same to rounding,
    and a checkpoint of the one can be resumed by the other. No row travels for it. Each worker is told which of its
    rows are in the batch, and computes the gradient on these; the batch's is their sum, weighted by how many they were.

    Parameters
    ----------
    network : module of ``handgrad.networks``, or any object with its ``loss_and_grad`` and ``predict``
        Its code must be installed where the workers are, as handgrad must.
    params : dict of arrays
        Where to start from. It is left as it is.
    X : (N, D) dask array of real numbers
        One example a row, in chunks of whole rows of known sizes. The chunks are kept in the workers' memory while
        the run lasts.
    y : (N,) dask array of integers in [0, C)
        The right class of each example; chunked anew if its chunks are not X's. This process holds them, too.
    optimizer, batch_size, rng, epochs, iterations, reg, checkpoint, checkpoint_every, resume, progress
        As :func:`handgrad.training.fit` takes them. All of these stay in this process.
    X_val, y_val : dask arrays, as X and y
        Examples to measure the accuracy on after each epoch.
    scheduler : str or dask.distributed.Client, optional
        Who computes, as :func:`connect` takes it. By default it is the client that is in use, and without one a local
        cluster, begun for this run.
    **network_options
        Handed to the network's functions, for example ``activation="tanh"``.

    Returns
    -------
    Fit
        ``(params, history)``, as :func:`handgrad.training.fit` returns it.

    Raises
    ------
    NonFiniteError, TrainingDiverged, TrainingInterrupted, TypeError, ValueError
        As :func:`handgrad.training.fit` does; where it is the rows of a chunk that do not fit, they are named.
    OSError
        If there is no scheduler at the address, or it has no workers; if a checkpoint cannot be read or written.
    dask.distributed.KilledWorker
        If one worker after the other has died of the same chunk, as when it does not fit into their memory.

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
    check_examples(X, y, X_val, y_val)
    N = X.shape[0]
    plan = make_plan(N, rng, batch_size, epochs, iterations, checkpoint_every)
    gradient = partial(network.loss_and_grad, reg=reg, **network_options)
    predict = partial(network.predict, **network_options)
    _try_out(gradient, params, X, np.zeros(1, y.dtype))

    with connect(scheduler) as at:
        data = {"train_accuracy": _persisted(at, X, y)}
        if X_val is not None:
            data["val_accuracy"] = _persisted(at, X_val, y_val)
        blocks = data["train_accuracy"]
        labels = _computed(at, dask.delayed(np.concatenate)([b.y for b in blocks]))
        _try_out(gradient, params, X, np.array([labels.min(), labels.max()]))
        for name, checked in zip(("X", "X_val"), data.values()):
            _computed(at, dask.delayed(list)([_task(check_entries, b, name, b.X) for b in checked]))
        starts = np.array([b.start for b in blocks])

        def loss_and_grad(params: Mapping[str, Array], rows: Array) -> _Share:
            owner: Array = np.searchsorted(starts, rows, side="right") - 1
            order = np.argsort(owner, kind="stable")
            owners = np.unique(owner)
            of_each = np.split(rows[order], np.searchsorted(owner[order], owners[1:]))
            parts = [(blocks[k], part - starts[k]) for k, part in zip(owners, of_each)]
            return _gradient(at, gradient, params, parts, len(rows))

        def accuracy(blocks: list[_Block], params: Mapping[str, Array]) -> float:
            shared = dask.delayed(dict(params), pure=False, traverse=False)
            right = [_task(count_correct, b, predict, shared, b.X, b.y) for b in blocks]
            return float(_computed(at, dask.delayed(sum)(right), params) / blocks[-1].stop)

        return descend(
            loss_and_grad,
            {name: partial(accuracy, measured) for name, measured in data.items()},
            params,
            rng,
            plan,
            optimizer=optimizer,
            settings=settings_of(labels, batch_size, reg, data, network_options),
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        )


@contextmanager
def connect(
    scheduler: str | Client | None = None, *, workers: int | None = None, timeout: float = 10.0
) -> Iterator[Client | str]:
    """Give who computes, and end what was begun for it.

    Parameters
    ----------
    scheduler : str or dask.distributed.Client, optional
        The address of a scheduler (``"tcp://10.0.0.1:8786"``) or a client of one; or ``"threads"`` or
        ``"synchronous"``, Dask's schedulers within this process. By default the client that is in use, if there is
        one, else a local cluster: processes of one thread each, on this machine and reachable from it alone. They
        import the program's main module, so a script must begin its work under ``if __name__ == "__main__":``.
    workers : int, optional
        Processes of the local cluster, by default as many as there are cores; with it, a client in use is not asked.
    timeout : float
        Seconds to wait for a scheduler at an address and its first worker. A client waits as long as it was told to.

    Yields
    ------
    dask.distributed.Client or str
        What ``scheduler=`` takes, here and in Dask's own functions.

    Raises
    ------
    OSError
        If there is no scheduler at the address, or it has no workers.
    TypeError, ValueError
        If the scheduler is none of these, or the workers are not 1 or more.

    Examples
    --------
    >>> import dask.array as da
    >>> from handgrad.training.distributed import connect
    >>> with connect("threads") as at:
    ...     int(da.ones(3).sum().compute(scheduler=at))
    3

    References
    ----------
    M. Rocklin, Dask: parallel computation with blocked algorithms and task scheduling, SciPy 2015.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers expected an integer, 1 or more, given {workers!r}")
    if scheduler is not None and workers is not None:
        raise ValueError(f"expected scheduler or workers, given {scheduler!r} and {workers}")
    if scheduler is None and workers is None:
        with suppress(ValueError):
            scheduler = Client.current()
    if scheduler is None:
        quiet = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}, "preload": _DEAF}
        with Client(n_workers=workers, threads_per_worker=1, set_as_default=False, **quiet) as client:
            yield client
    elif isinstance(scheduler, Client) or scheduler in _HERE:
        yield scheduler
    elif not isinstance(scheduler, str):
        raise TypeError(f"scheduler expected an address or a dask.distributed.Client, given {type(scheduler).__name__}")
    elif not re.fullmatch(r"(tcp|tls|ucx|wss?)://.+:\d+", scheduler):
        raise ValueError(
            f"scheduler expected an address such as tcp://10.0.0.1:8786, or {' or '.join(_HERE)}, given {scheduler!r}"
        )
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
    """A chunk of rows, from ``start`` to before ``stop``, where it is."""

    start: int
    stop: int
    X: Any
    y: Any


def _check_chunks(X_name: str, X: da.Array, y_name: str, y: da.Array) -> None:
    """Raise unless both are dask arrays of known sizes, X of whole rows."""
    for name, a in ((X_name, X), (y_name, y)):
        if not isinstance(a, da.Array):
            raise TypeError(
                f"{name} expected a dask array, such as dask.array.from_array makes, given {type(a).__name__}"
            )
        if np.isnan(a.shape).any():
            raise ValueError(
                f"{name} expected chunks of known sizes, given shape {a.shape}: call compute_chunk_sizes()"
            )
    if X.ndim == 2 and X.numblocks[1] > 1:  # to bring them together moves all the data, which is not for us to begin
        raise ValueError(f"{X_name} expected chunks of whole rows, given columns in {X.chunks[1]}: rechunk({{1: -1}})")


def _blocks(X: da.Array, y: da.Array) -> list[_Block]:
    """Return the chunks that have a row."""
    rows = X.chunks[0]
    stops = itertools.accumulate(rows)
    # unoptimised: of an array that was persisted, Dask's optimisation lets go
    parts = zip(rows, stops, *(a.to_delayed(optimize_graph=False).ravel() for a in (X, y.rechunk((rows,)))))
    return [_Block(stop - n, stop, X_part, y_part) for n, stop, X_part, y_part in parts if n]


def _persisted(at: Client | str, X: da.Array, y: da.Array) -> list[_Block]:
    """Return the chunks, kept where they are computed."""
    arrays = X, y.rechunk((X.chunks[0],))
    return _blocks(*(at.persist(arrays) if isinstance(at, Client) else dask.persist(*arrays, scheduler=at)))


def _computed(at: Client | str, task: Any, params: Mapping[str, Array] | None = None) -> Any:
    """Return what the task gives, of which the parameters are a part."""
    if not isinstance(at, Client):
        return task.compute(scheduler=at)
    # Dask warns of a task with data in it that had better be elsewhere: not so the parameters
    limit = "distributed.admin.large-graph-warning-threshold"
    known = sum(p.nbytes for p in (params or {}).values())
    with dask.config.set({limit: parse_bytes(dask.config.get(limit, "10MB")) + known}):
        return at.compute(task, optimize_graph=False).result()


def _try_out(gradient: Callable[..., _Share], params: Mapping[str, Array], X: da.Array, y: Array) -> None:
    """Raise what the network raises on rows of zeros with these labels: whatever does not fit, the data apart."""
    zeros = np.zeros_like(X._meta, shape=(len(y), X.shape[1]))
    _, grads = _named(gradient, "tried on rows of zeros", params, zeros, y)
    check_like(params, grads, "the gradient")  # input_grad=True has one more, which could not be added up


def _gradient(
    at: Client | str,
    gradient: Callable[..., _Share],
    params: Mapping[str, Array],
    parts: list[tuple[_Block, Array | None]],
    N: int,
) -> _Share:
    """Return the objective and its gradient over the rows of each block, or over all of it: N rows in all."""
    # a task like any other, so that it can be had again from the scheduler if all workers die that know the parameters
    shared = dask.delayed(dict(params), pure=False, traverse=False)
    shares = []
    for block, rows in parts:
        n = block.stop - block.start if rows is None else len(rows)
        shares.append(_task(_share_of, block, gradient, n / N, shared, block.X, block.y, rows))
    while len(shares) > 1:
        pairs = [shares[i : i + 2] for i in range(0, len(shares), 2)]
        shares = [dask.delayed(_sum, pure=False)(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    total: _Share = _computed(at, shares[0], params)
    return total


def _share_of(
    gradient: Callable[..., _Share],
    weight: float,
    params: Mapping[str, Array],
    X: Array,
    y: Array,
    rows: Array | None,
) -> _Share:
    loss, grads = gradient(params, X, y) if rows is None else gradient(params, X[rows], y[rows])
    return weight * loss, {name: weight * g for name, g in grads.items()}


def _sum(a: _Share, b: _Share) -> _Share:
    return a[0] + b[0], {name: g + b[1][name] for name, g in a[1].items()}


def _task(f: Callable[..., Any], block: _Block, *args: Any) -> Any:
    return dask.delayed(_named, pure=False)(f, f"in rows {block.start} to {block.stop - 1}", *args)


def _named(f: Callable[..., Any], where: str, *args: Any) -> Any:
    """Return f(*args), or raise what it raises with the rows that it was about."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is an error here, or found by fit
            return f(*args)
    except (TypeError, ValueError) as error:
        error.args = (f"{where}: {error}",)
        raise
