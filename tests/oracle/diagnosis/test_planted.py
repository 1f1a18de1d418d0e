"""Every wrong form of the table, planted in a right backward pass, is named by its cause, in whatever layer it is."""

import numpy as np
import pytest

from oracle import diagnosis
from oracle.diagnosis.perceptrons.mistakes import BIASES, HIDDEN, LOSSES, PENALTIES, RIGHT, SCORES, WEIGHTS, Forward
from oracle.strategies.conventions import HANDGRAD

NETWORKS = {
    "softmax_classifier": {},
    "two_layer": {},
    "three_layer": {},
    "mlp": {"activation": ("tanh", "silu", "relu")},
}
DEPTHS = {"softmax_classifier": 1, "two_layer": 2, "three_layer": 3, "mlp": 4}
TABLES = {"ds": SCORES, "dz": HIDDEN, "dW": WEIGHTS, "db": BIASES, "penalty": PENALTIES, "loss": LOSSES}


def planted(step, form, at):
    """Return a function that answers a problem, with the form in the place of the right one at layer ``at``."""

    def of(which, i):
        return form if which == step and i in (at, None) else TABLES[which][0]

    def ask(problem):
        q = Forward(problem)
        with np.errstate(all="ignore"):
            grads, dz = {}, of("ds", None).of(q)
            for i in range(q.depth, 0, -1):
                if i < q.depth:
                    q.dh = dz @ q.W(i + 1).T
                    dz = of("dz", i).of(q, i, dz, q.dh)
                grads[f"W{i}"] = of("dW", i).of(q, i, q.h[i - 1], dz)
                grads[f"b{i}"] = of("db", i).of(q, i, dz)
            for name in grads if q.reg else ():
                grads[name] = grads[name] + of("penalty", int(name[1:])).of(q, name)
            penalty = sum(np.sum(q.penalty(name) * a) for name, a in q.params.items()) / 2
            return {"loss": of("loss", None).of(q) + penalty, **{name: grads[name] for name in problem.params}}

    return ask


def first_of_each_cause(step):
    seen = {}
    for form in TABLES[step][1:]:
        seen.setdefault(form.cause, form)
    return list(seen.values())


def explained(network, step, form, at, conventions=HANDGRAD):
    drawn = list(diagnosis.probes(network, NETWORKS[network], conventions, seed=1))
    ask, right = planted(step, form, at), planted("ds", RIGHT, None)
    probes = [p for p in (diagnosis.probe(problem, ask) for problem in drawn) if p is not None]
    shows = sum(
        any(np.any(np.abs(a[name] - b[name]) > 1e-9) for name in a)
        for a, b in ((ask(problem), right(problem)) for problem in drawn)
    )
    return diagnosis.explain(probes), shows


CASES = [
    (network, step, form, at)
    for network in ("two_layer", "mlp")
    for step in TABLES
    for form in first_of_each_cause(step)
    for at in ([1] if step == "dz" else [DEPTHS[network]] if step in ("dW", "db", "penalty") else [None])
    if network == "two_layer" or step == "dz"
]


@pytest.mark.parametrize(("network", "step", "form", "at"), CASES, ids=lambda x: getattr(x, "cause", str(x)))
def test_cause_is_named_and_no_wrong_one(network, step, form, at):
    (explanations, unexplained), shows = explained(network, step, form, at)

    causes = {cause for e in explanations for cause in (e.cause, *(a for a, _ in e.alternatives))}
    expected = "loss-and-gradient-disagree" if step == "loss" else form.cause
    assert causes == {expected} if shows > 1 else not causes
    assert not unexplained


def test_what_is_right_needs_no_explanation():
    for network in NETWORKS:
        assert explained(network, "ds", RIGHT, None) == (([], {}), 0)
