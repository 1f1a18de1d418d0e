"""Candidates with a mistake of the table planted in a correct backward pass."""

from dataclasses import dataclass

import numpy as np

from oracle import diagnosis
from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, is_weight, layer_of
from oracle.diagnosis.perceptrons.mistakes import BIASES, HIDDEN, LOSSES, SCORES, WEIGHT_PENALTIES, WEIGHTS
from oracle.strategies.conventions import HANDGRAD
from oracle.strategies.networks import NetworkProblem

#: The networks, and their activations.
NETWORKS = {
    "softmax_classifier": (),
    "two_layer": ("relu",),
    "three_layer": ("relu", "relu"),
    "mlp": ("tanh", "silu", "relu"),
}
TABLES = {
    "ds": SCORES,
    "dz": HIDDEN,
    "dW": WEIGHTS,
    "db": BIASES,
    "penalty": WEIGHT_PENALTIES,
    "loss": LOSSES,
}


@dataclass(frozen=True)
class Planted:
    """A mistake of a table, in the layer ``at``; in every layer where it is None."""

    step: str
    mistake: object
    at: int | None = None


def network(name, conventions=HANDGRAD):
    """Return a problem of a network, whose numbers do not matter."""
    depth = len(NETWORKS[name]) + 1
    params = {f"{kind}{i}": np.zeros((2, 2) if kind == "W" else 2) for i in range(1, depth + 1) for kind in "Wb"}
    kwargs = {"activation": NETWORKS[name]} if name == "mlp" else {}
    return NetworkProblem(name, params, np.zeros((2, 2)), np.zeros(2, int), 0.0, kwargs, conventions=conventions)


def drawn(name, conventions=HANDGRAD, seed=1):
    """Return all probes of a network."""
    return list(diagnosis.probes(network(name, conventions), seed=seed))


def answers(problem, *planted):
    """Return the loss and gradients of a problem, with mistakes planted."""
    fwd = ForwardPass(problem)

    def formula(step, i, right):
        return next((p.mistake.formula for p in planted if p.step == step and p.at in (i, None)), right)

    with np.errstate(all="ignore"):
        grads, upstream = {}, formula("ds", None, lambda q: q.ds)(fwd)
        for i in range(fwd.depth, 0, -1):
            layer = fwd.layer(i, upstream)
            if i < fwd.depth:
                layer = layer.with_dz(formula("dz", i, lambda q: q.dz)(layer))
            grads[f"W{i}"] = formula("dW", i, lambda q: q.dW)(layer)
            grads[f"b{i}"] = formula("db", i, lambda q: q.db)(layer)
            upstream = layer.dz
        for name in grads if fwd.reg else ():
            in_penalty = formula("penalty", layer_of(name), lambda q: q.gradient) if is_weight(name) else None
            grads[name] = grads[name] + (in_penalty(fwd.term(name)) if in_penalty else fwd.penalty(name))
        loss = formula("loss", None, lambda q: q.loss)(fwd) + fwd.penalty_of_loss
        return {"loss": loss, **{name: grads[name] for name in problem.params}}


def probed(problems, ask):
    """Return the probes of problems with a candidate's answers."""
    return [p for p in (diagnosis.probe(problem, ask) for problem in problems) if p is not None]
