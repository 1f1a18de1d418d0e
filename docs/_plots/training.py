"""Loss and accuracy of networks trained on the digits."""

import contextlib
import io
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from _plots import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, panel
from handgrad import datasets, fit, init_params, two_layer
from handgrad.__main__ import main
from handgrad.training.optimizers import Optimizer, adagrad, adam, rmsprop, sgd

_EPOCHS = np.arange(1, 9)


def draw(what: str) -> Iterator[Axes]:
    """Yield the panels of one of the functions below."""
    return {"command": _command, "learning_rates": _learning_rates, "optimizers": _optimizers}[what]()


def _command() -> Iterator[Axes]:
    """Draw the table that ``python -m handgrad train --epochs 10`` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main(["train", "--epochs", "10"])
    epoch, loss, train, test = np.loadtxt(printed.getvalue().splitlines()[2:-1]).T
    axes = panel("mean loss of the epoch’s batches", "epoch", ylim=(0, 1), xticks=epoch)
    axes.plot(epoch, loss, "o-", color=ORANGE, markersize=4)
    yield axes
    axes = panel("accuracy after the epoch", "epoch", ylim=(0.75, 1.01), xticks=epoch)
    axes.plot(epoch, train, "o-", color=MUTED, markersize=4, label="training examples")
    axes.plot(epoch, test, "o-", color=BLUE, markersize=4, label="test examples")
    axes.legend(loc="lower right")
    yield axes


def _learning_rates() -> Iterator[Axes]:
    rates = {0.001: GREEN, 0.1: BLUE, 2.0: ORANGE, 100.0: PURPLE}
    histories = {f"{rate:g}": (_history(sgd(rate, momentum=0.9)), colour) for rate, colour in rates.items()}
    axes = panel("loss of each batch", "step", xlim=(0, 176))
    axes.set(yscale="log", ylim=(0.1, 1e4))
    axes.set_yticks([0.1, 1, 10, 100, 1e3, 1e4], ["0.1", "1", "10", "100", "10³", "10⁴"])
    for name, (history, colour) in histories.items():
        axes.plot(history["loss"], color=colour, linewidth=1.5, label=name)
    axes.axhline(np.log(10), color=INK, linewidth=1, linestyle=":")
    axes.annotate("log 10", (0.99, np.log(10)), (0, 7), axes.get_yaxis_transform(), "offset points", ha="right")
    axes.legend(loc="upper right", title="learning rate", title_fontsize=12)
    yield axes
    yield _accuracies(histories)


def _optimizers() -> Iterator[Axes]:
    optimizers = {
        "sgd(0.1)": (sgd(0.1), MUTED),
        "adagrad(0.05)": (adagrad(0.05), PURPLE),
        "adam(0.003)": (adam(0.003), ORANGE),
        "rmsprop(0.003)": (rmsprop(0.003), GREEN),
        "sgd(0.1, momentum=0.9)": (sgd(0.1, momentum=0.9), BLUE),
    }
    histories = {name: (_history(optimizer), colour) for name, (optimizer, colour) in optimizers.items()}
    axes = panel("mean loss of the epoch’s batches", "epoch", ylim=(0, 2.5), xticks=_EPOCHS)
    for name, (history, colour) in histories.items():
        axes.plot(_EPOCHS, np.reshape(history["loss"], (len(_EPOCHS), -1)).mean(axis=1), color=colour, label=name)
    axes.legend(loc="upper right")
    yield axes
    yield _accuracies(histories)


def _history(optimizer: Optimizer):
    """Return the history of a run as in docs/guides/train.md, always with the same initial parameters and batches."""
    X, y, X_val, y_val = datasets.train_test_split(*datasets.digits(), rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    params = init_params((64, 32, 10), rng=rng)
    options = {"X_val": X_val, "y_val": y_val, "epochs": len(_EPOCHS), "batch_size": 64, "reg": 1e-3, "rng": rng}
    return fit(two_layer, params, X, y, optimizer=optimizer, **options).history


def _accuracies(histories) -> Axes:
    axes = panel("validation accuracy after the epoch", "epoch", ylim=(0, 1.02), xticks=_EPOCHS)
    for history, colour in histories.values():
        axes.plot(_EPOCHS, history["val_accuracy"], color=colour)
    return axes
