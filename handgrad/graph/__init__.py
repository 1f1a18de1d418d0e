"""The computational graph: the rules that are derived by hand, chained by the machine.

An operator or a function of NumPy's on a :class:`Variable` applies a rule of :mod:`handgrad.rules` and remembers its
pullback; :func:`gradients` walks back along what was remembered.
"""

from handgrad.graph.inspection.draw import Drawing, draw
from handgrad.graph.inspection.trace import Trace, trace
from handgrad.graph.networks import network_loss
from handgrad.graph.pytree import variables
from handgrad.graph.reverse_mode import gradients, value_and_grad
from handgrad.graph.variable import Variable, apply

__all__ = [
    "Drawing",
    "Trace",
    "Variable",
    "apply",
    "draw",
    "gradients",
    "network_loss",
    "trace",
    "value_and_grad",
    "variables",
]
