"""``python -m handgrad train``: train a network and test it on held-out examples."""

import argparse
import math
import os
import time
from functools import partial
from typing import Any

import numpy as np

from handgrad import datasets
from handgrad.arrays.namespace import Array
from handgrad.networks import init_params
from handgrad.networks.perceptrons import mlp
from handgrad.rules import ACTIVATIONS
from handgrad.training.checkpoints import save_params
from handgrad.training.fit import Fit, fit
from handgrad.training.optimizers import exponential_decay, sgd

__all__ = ["add"]

_EXAMPLES = """\
examples:
  python -m handgrad train
      a network with 100 hidden units on the digits that come with the package

  python -m handgrad train --hidden
      no hidden layer: a linear softmax classifier

  python -m handgrad train --data mnist --path ~/mnist --hidden 300 100 --learning-rate 0.05 --epochs 10
      three layers on MNIST, from its original files

  python -m handgrad train --data cifar10 --path ~/cifar-10-batches-py --learning-rate 0.01 --checkpoint run.npz
      stop it with Ctrl-C, and run it again with --resume to continue

  python -m handgrad train --workers 2
      the same run on two processes of this machine; --scheduler tcp://10.0.0.1:8786 uses a Dask cluster
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    train = commands.add_parser(
        "train",
        help="train a network and test it on held-out examples",
        description="Train a network and test it on held-out examples.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = train.add_argument_group("data")
    data.add_argument("--data", choices=["digits", "cifar10", "mnist"], default="digits", help="default: %(default)s")
    data.add_argument("--path", metavar="DIR", help="directory with the files of cifar10 or mnist")
    network = train.add_argument_group("network")
    network.add_argument(
        "--hidden", type=int, nargs="*", default=[100], metavar="H", help="sizes of the hidden layers (default: 100)"
    )
    names = ", ".join(ACTIVATIONS)
    network.add_argument(
        "--activation", choices=ACTIVATIONS, default="relu", metavar="NAME", help=f"{names} (default: relu)"
    )
    network.add_argument("--dtype", choices=["float64", "float32"], default="float64", help="default: %(default)s")
    descent = train.add_argument_group("training")
    for name, kind, default, meaning in [
        ("--epochs", int, 40, "passes over the training examples"),
        ("--batch-size", int, 32, "examples per update"),
        ("--learning-rate", float, 0.2, "in the first epoch"),
        ("--decay", float, 0.95, "factor on the learning rate after each epoch"),
        ("--momentum", float, 0.9, "in [0, 1)"),
        ("--reg", float, 1e-3, "strength of the L2 penalty on the weights"),
        ("--seed", int, 0, "for the split, the initial weights and the order of the examples"),
    ]:
        descent.add_argument(
            name, type=kind, default=default, metavar=name[2].upper(), help=f"{meaning} (default: {default})"
        )
    descent.add_argument("--nesterov", action="store_true", help="use Nesterov's form of momentum")
    cluster = train.add_argument_group("cluster (needs Dask)").add_mutually_exclusive_group()
    cluster.add_argument("--workers", type=int, metavar="N", help="train on N processes of this machine")
    cluster.add_argument("--scheduler", metavar="ADDRESS", help="train on the workers of this Dask scheduler")
    files = train.add_argument_group("files")
    files.add_argument(
        "--save", metavar="FILE", help="write the parameters to FILE; they take unscaled pixels, as in the data"
    )
    files.add_argument("--checkpoint", metavar="FILE", help="save the run to FILE after each epoch and on Ctrl-C")
    files.add_argument("--resume", action="store_true", help="continue the run in the --checkpoint file")
    train.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    if args.resume and not args.checkpoint:
        raise ValueError("--resume requires --checkpoint FILE")
    if args.checkpoint and not args.resume and os.path.exists(args.checkpoint):
        raise ValueError(f"{args.checkpoint} already exists: continue it with --resume, or delete it")
    if args.save and not os.access(os.path.dirname(os.path.abspath(args.save)), os.W_OK):
        raise ValueError(f"--save must be in a writable directory, got {args.save}")
    on_cluster = args.workers is not None or args.scheduler is not None
    if on_cluster:
        import handgrad.training.distributed  # noqa: F401  before reading the data, in case Dask is missing
    rng = np.random.default_rng(args.seed)
    X, y, X_test, y_test = _examples(args, rng)
    X, X_test, mean, scale = _standardise(X, X_test, np.dtype(args.dtype))
    sizes = [X.shape[1], *args.hidden, int(y.max()) + 1]
    params = init_params(sizes, rng=rng, dtype=args.dtype)
    per_epoch = math.ceil(len(y) / max(1, args.batch_size))  # fit refuses a zero
    rate = exponential_decay(args.learning_rate, rate=args.decay, every=per_epoch)

    network = f"{'-'.join(map(str, sizes))} {args.activation if args.hidden else 'linear'} network in {args.dtype}"
    print(f"{args.data}: {len(y)} examples to train on, {len(y_test)} to test on; {network}", flush=True)
    start = time.perf_counter()
    trained = (partial(_fit_on_cluster, args) if on_cluster else fit)(
        mlp,
        params,
        X,
        y,
        X_val=X_test,
        y_val=y_test,
        optimizer=sgd(rate, momentum=args.momentum, nesterov=args.nesterov),
        epochs=args.epochs,
        batch_size=args.batch_size,
        reg=args.reg,
        rng=rng,
        checkpoint=args.checkpoint,
        resume=args.checkpoint if args.resume else None,
        progress=True,
        activation=args.activation,
    )
    seconds = time.perf_counter() - start
    _print_table(trained, args.epochs, per_epoch)
    print(f"test accuracy {trained.history['val_accuracy'][-1]:.4f}, trained in {seconds:.2f} s")
    if args.save:
        save_params(args.save, _for_raw_pixels(trained.params, mean, scale))
        print(f"parameters saved to {args.save}")


def _fit_on_cluster(
    args: argparse.Namespace,
    network: Any,
    params: Any,
    X: Array,
    y: Array,
    *,
    X_val: Array,
    y_val: Array,
    **settings: Any,
) -> Fit:
    """Call ``distributed.fit`` with as many chunks of the examples as the cluster has threads."""
    import dask
    import dask.array as da

    from handgrad.training import distributed

    with distributed.connect(args.scheduler, workers=args.workers) as scheduler:
        threads = os.cpu_count() or 1 if isinstance(scheduler, str) else sum(scheduler.nthreads().values())
        X, y, X_val, y_val = (
            da.from_array(a, chunks=(math.ceil(len(a) / threads), *a.shape[1:])) for a in (X, y, X_val, y_val)
        )
        # Dask would warn of the size of the examples, which only this process has read
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            return distributed.fit(network, params, X, y, X_val=X_val, y_val=y_val, scheduler=scheduler, **settings)


def _examples(args: argparse.Namespace, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    if args.data == "digits":
        if args.path:
            raise ValueError("--path requires --data cifar10 or mnist: the digits come with the package")
        return datasets.train_test_split(*datasets.digits(), test_fraction=0.25, rng=rng)
    if not args.path:
        raise ValueError(f"--data {args.data} requires --path DIR, the directory with its files")
    return {"cifar10": datasets.cifar10, "mnist": datasets.mnist}[args.data](os.path.expanduser(args.path))


def _standardise(X: Array, X_test: Array, dtype: Any) -> tuple[Array, Array, Array, float]:
    """Return (X - mean) / scale, X_test likewise, the mean of the training pixels, and the scale."""
    if X.dtype.kind == "f":  # already in [0, 1]
        return X.astype(dtype), X_test.astype(dtype), np.zeros(X.shape[1]), 1.0
    mean = X.mean(axis=0)
    both = [a.astype(dtype) for a in (X, X_test)]
    for a in both:  # in place: CIFAR-10 is 1.5 GB in float64
        a -= mean
        a /= 255
    return *both, mean, 255.0


def _for_raw_pixels(params: dict[str, Array], mean: Array, scale: float) -> dict[str, Array]:
    """Return parameters that give X the scores that ``params`` give (X - mean) / scale."""
    W1 = params["W1"] / scale
    b1 = params["b1"] - mean @ W1
    return {**params, "W1": W1, "b1": b1.astype(W1.dtype)}


def _print_table(trained: Fit, epochs: int, per_epoch: int) -> None:
    loss = np.reshape(trained.history["loss"], (epochs, per_epoch)).mean(axis=1)
    print("epoch     loss    train     test")
    for epoch in sorted({math.ceil(epochs * k / 10) for k in range(1, 11)}):  # ten lines for a run of any length
        train, test = (trained.history[name][epoch - 1] for name in ("train_accuracy", "val_accuracy"))
        print(f"{epoch:5} {loss[epoch - 1]:8.4f} {train:8.4f} {test:8.4f}")
