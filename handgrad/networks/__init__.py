"""Whole classifiers, each with scores, loss, loss_and_grad and predict as functions of a dict of parameters."""

from handgrad.networks.initialization import init_params
from handgrad.networks.perceptrons import mlp, softmax_classifier, three_layer, two_layer

__all__ = ["NETWORKS", "init_params", "mlp", "softmax_classifier", "three_layer", "two_layer"]

#: Every network by name, as RULES is for the rules.
NETWORKS = {
    "softmax_classifier": softmax_classifier,
    "two_layer": two_layer,
    "three_layer": three_layer,
    "mlp": mlp,
}
