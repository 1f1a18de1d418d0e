"""An activation and its slope, as handgrad computes them."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

import handgrad
from _plots import BLUE, ORANGE, PAPER, panel

_KINKS = {"relu": [0.0], "leaky_relu": [0.0], "selu": [0.0], "hard_tanh": [-1.0, 1.0]}


def draw(name: str) -> Iterator[Axes]:
    """Yield f and f′. Where the slope jumps, its line has a gap, and a full dot shows its value."""
    kinks = _KINKS.get(name, [])
    beside = [side for kink in kinks for side in np.nextafter(kink, [-np.inf, np.inf])]
    ends = [-5.0, *beside, 5.0]
    value, slope = (panel(title, "z", xlim=(-5, 5), xticks=range(-4, 5, 2)) for title in ("f(z)", "f′(z)"))
    for left, right in zip(ends[::2], ends[1::2]):
        z = np.linspace(left, right, 201)
        value.plot(z, _value_and_slope(name, z)[0], color=BLUE)
        slope.plot(z, _value_and_slope(name, z)[1], color=ORANGE)
    slope.plot(beside, _value_and_slope(name, beside)[1], "o", color=ORANGE, markerfacecolor=PAPER)
    slope.plot(kinks, _value_and_slope(name, kinks)[1], "o", color=ORANGE)

    low, high = slope.dataLim.intervaly
    slope.set_ylim(min(low, 0) - 0.1, max(high, 1) + 0.1)
    for axes, colour in ((value, BLUE), (slope, ORANGE)):
        axes.set_title(axes.get_title("left"), color=colour, fontstyle="italic")
        yield axes


def _value_and_slope(name, z):
    h, backward = handgrad.RULES[name](np.asarray(z, float))
    return h, backward(np.ones(len(z)))[0]
