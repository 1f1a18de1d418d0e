"""The computational graph: the rules that are derived by hand, chained by the machine.

An operator or a function of NumPy's on a :class:`Variable` applies a rule of :mod:`handgrad.rules` and remembers its
pullback; :func:`gradients` walks back along what was remembered.
"""

from handgrad.graph.differentiation import gradients, value_and_grad
from handgrad.graph.drawing import Drawing, draw
from handgrad.graph.networks import network_loss
from handgrad.graph.tracing import Trace, trace
from handgrad.graph.trees import variables
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
