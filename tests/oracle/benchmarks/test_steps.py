"""What is timed side by side computes the same."""

import importlib.util

import numpy as np
import pytest

from handgrad import two_layer
from oracle.benchmarks import installed, steps


def the_program(name):
    if name not in installed([name]):
        pytest.skip(f"{name} is not installed: pip install 'handgrad[bench]'")
    return steps.PROGRAMS[name]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(steps.PROGRAMS.keys() - {"products", "calls"}))
def test_every_program_gives_handgrads_loss_and_gradient(name, dtype):
    of = steps.problem((16, 12, 10, 3), dtype)
    loss, grads = two_layer.loss_and_grad(of.params, of.X, of.y, of.reg)

    program = the_program(name)(of)

    for _ in range(2):  # the second call is one of those that are timed
        value, found = program()
        assert np.isclose(float(value), loss, rtol=100 * np.finfo(dtype).eps, atol=0)
        assert set(found) == set(grads)
        for key, g in found.items():
            assert np.asarray(g).dtype == dtype
            assert np.allclose(g, grads[key], rtol=0, atol=100 * np.finfo(dtype).eps)


def test_the_floor_is_the_five_products_and_nothing_else(monkeypatch):
    of = steps.problem((16, 12, 10, 3), np.float64)
    shapes = []

    class Counted(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            found = getattr(ufunc, method)(*(np.asarray(a) for a in inputs), **kwargs)
            shapes.append((ufunc.__name__, found.shape))
            return found.view(Counted)

    params = {name: p.view(Counted) for name, p in of.params.items()}
    step = steps.products(steps.Problem(params, of.X.view(Counted), of.y, of.reg))
    shapes.clear()

    step()

    assert shapes == [("matmul", shape) for shape in [(16, 10), (16, 3), (10, 3), (16, 10), (12, 10)]]


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "jax" else find(name, *a))

    found = installed(steps.PROGRAMS)

    assert not {"jax", "hand in jax"} & set(found)
    assert {"handgrad", "products", "textbook", "graph"} <= set(found)
