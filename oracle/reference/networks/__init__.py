"""A twin for each network, found by the network's name."""

from types import ModuleType

from oracle.reference.networks import mlp, softmax_classifier, three_layer, two_layer

__all__ = ["NETWORKS"]

#: Every twin by the name of its network.
NETWORKS: dict[str, ModuleType] = {
    "softmax_classifier": softmax_classifier,
    "two_layer": two_layer,
    "three_layer": three_layer,
    "mlp": mlp,
}
