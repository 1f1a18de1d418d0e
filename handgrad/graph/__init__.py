"""The computational graph: reverse mode over rules that are derived by hand.

An operator or a NumPy function on a :class:`Variable` applies a rule of :mod:`handgrad.rules` and remembers its
pullback; :func:`gradients` calls the pullbacks in reverse order.
"""

from handgrad.graph.inspection.draw import Drawing, draw
from handgrad.graph.inspection.trace import Trace, trace
from handgrad.graph.networks import network_loss
from handgrad.graph.node import apply
from handgrad.graph.pytree import variables
from handgrad.graph.reverse_mode import gradients, value_and_grad
from handgrad.graph.variable import Variable

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
