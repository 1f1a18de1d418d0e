"""Both rates count what they say: problems that are evaluated, and shapes that are compiled anew."""

import functools
from types import SimpleNamespace

from oracle import reference
from oracle.measurements import throughput


def test_every_problem_is_drawn_in_float64_and_evaluated(monkeypatch):
    asked = []
    monkeypatch.setattr(throughput, "search", lambda name, **options: asked.append((name, options["problems"])))

    assert throughput._check(20, seed=0) > 0
    assert asked == [("two_layer", 20)]


def test_jax_compiles_each_shape_once(monkeypatch):
    loss, traced = reference.NETWORKS["two_layer"].loss, []

    @functools.wraps(loss)
    def counted(params, X, y, reg):
        traced.append((X.shape, params["W2"].shape))
        return loss(params, X, y, reg)

    monkeypatch.setitem(reference.NETWORKS, "two_layer", SimpleNamespace(loss=counted))

    assert throughput._compile(2, seed=0) > 0
    assert len(traced) == len(set(traced)) == 2
