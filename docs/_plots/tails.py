"""Errors of slopes in the tails, in units in the last place: of handgrad, of jax.grad and of the textbook form."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from _plots import BLUE, INK, MUTED, ORANGE, panel
from oracle.gradients import exact
from oracle.measurements.accuracy import SYSTEMS
from oracle.strategies.rules import RuleProblem

_POINTS, _BINS = 512, 64  # each line shows the worst error of each bin
_LEAST, _MOST = 0.1, 1e19  # smaller errors, and infinite ones, are drawn at these limits


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _gelu(z):
    a, c = z.dtype.type(np.sqrt(2 / np.pi)), z.dtype.type(0.044715)
    t = np.tanh(a * (z + c * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t**2) * a * (1 + 3 * c * z**2)


#: For each rule: the title, the array plotted, the range of arguments, and the textbook form.
_CURVES = {
    "sigmoid": ("σ′(z)", "dz", 0, 50, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": ("tanh′(z)", "dz", 0, 25, lambda z: 1 - np.tanh(z) ** 2),
    "gelu": ("gelu′(z)", "dz", -10, -1, _gelu),
    "elu": ("elu′(z)", "dz", -50, 0, np.exp),
    "softplus": ("softplus′(z)", "dz", -50, 750, lambda z: np.exp(z) / (1 + np.exp(z))),
    "softplus value": ("softplus(z)", "value", -50, 0, lambda z: np.log(1 + np.exp(z))),
    "softmax_cross_entropy": ("∂L/∂s of the label", "dscores", 0, 50, lambda lead: _sigmoid(lead) - 1),
}


def draw(*rules: str) -> Iterator[Axes]:
    """Yield a float64 panel for each rule; for a single rule add a float32 panel, or softplus's value."""
    for rule in rules:
        yield _panel(rule, np.dtype("float64"))
    if rules == ("softplus",):
        yield _panel("softplus value", np.dtype("float64"))
    elif len(rules) == 1:
        yield _panel(*rules, np.dtype("float32"))


def _panel(name: str, dtype: np.dtype) -> Axes:
    what, key, low, high, textbook = _CURVES[name]
    x = np.linspace(low, high, _POINTS, dtype=dtype)
    problem = _problem(name.split()[0], x)
    truth = _first(exact.answers(problem)[key])
    with np.errstate(over="ignore", invalid="ignore"):
        answers = {"textbook": textbook(x)}
    answers |= {system: _first(SYSTEMS[system](problem)[key]) for system in ("jax.grad", "handgrad")}

    lead = "lead of the label’s score" if key == "dscores" else "z"
    axes = panel(f"error of {what} in {dtype}", lead, "units in the last place", above=48, xlim=(low, high))
    axes.set(yscale="log", ylim=(_LEAST, _MOST))
    axes.set_yticks([1, 1e5, 1e10, 1e15], ["1", "10⁵", "10¹⁰", "10¹⁵"])
    for (system, answer), colour, width, alpha in zip(answers.items(), (MUTED, ORANGE, BLUE), (6, 2, 2), (0.7, 1, 1)):
        units = exact.error(answer, truth) / np.abs(truth.astype(float)) / np.finfo(dtype).eps
        worst = np.clip(units, _LEAST, _MOST).reshape(_BINS, -1).max(axis=1)
        label = "jax.nn" if (system, key) == ("jax.grad", "value") else system
        axes.plot(x.reshape(_BINS, -1).mean(axis=1), worst, color=colour, linewidth=width, alpha=alpha, label=label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)

    lost = 1 / np.finfo(dtype).eps
    axes.axhline(lost, color=INK, linewidth=1, linestyle=":")
    place, side = (0.02, "left") if high > 0 and name != "gelu" else (0.98, "right")
    axes.annotate("no correct digit", (place, lost), (0, 4), axes.get_yaxis_transform(), "offset points", ha=side)
    return axes


def _problem(rule: str, x: np.ndarray) -> RuleProblem:
    """Return the problem whose gradient is the slope at each x."""
    if rule != "softmax_cross_entropy":
        return RuleProblem(rule, (x,), {}, np.ones_like(x))
    scores, labels = np.stack([x, 0 * x], axis=1), np.zeros(len(x), int)  # the label leads by x
    return RuleProblem(rule, (scores,), {"labels": labels}, np.array(len(x), x.dtype))  # the loss is a mean


def _first(a):
    """Return the first column of a matrix, or a vector unchanged."""
    return np.asarray(a)[:, 0] if np.ndim(a) == 2 else np.asarray(a)
