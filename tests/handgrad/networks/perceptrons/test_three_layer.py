"""The three-layer network: written out by hand, and of one depth only."""

import inspect
import re

import numpy as np
import pytest

from handgrad import init_params, mlp, three_layer

RNG = np.random.default_rng(0)
PARAMS = init_params([4, 6, 5, 3], rng=RNG)
X, y = RNG.standard_normal((7, 4)), RNG.integers(0, 3, 7)


def test_the_written_out_gradient_is_that_of_the_textbook_formula():
    W1, b1, W2, b2, W3, b3 = PARAMS.values()
    h1 = np.maximum(X @ W1 + b1, 0)
    h2 = np.maximum(h1 @ W2 + b2, 0)
    s = h2 @ W3 + b3
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    L = -np.log(p[np.arange(7), y]).mean()
    ds = (p - np.eye(3)[y]) / 7
    dz2 = ds @ W3.T * (h2 > 0)
    dz1 = dz2 @ W2.T * (h1 > 0)
    expected = {"W3": h2.T @ ds + 0.1 * W3, "b3": ds.sum(axis=0), "W2": h1.T @ dz2 + 0.1 * W2, "b2": dz2.sum(axis=0)}
    expected |= {"W1": X.T @ dz1 + 0.1 * W1, "b1": dz1.sum(axis=0), "X": dz1 @ W1.T}

    J, grads = three_layer.loss_and_grad(PARAMS, X, y, 0.1, input_grad=True)

    assert pytest.approx(J, rel=1e-14) == L + 0.05 * sum(np.sum(W * W) for k, W in PARAMS.items() if k[0] == "W")
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-12, atol=1e-15)


def test_everything_but_the_gradient_is_the_perceptrons():
    for function, arguments in [("scores", ()), ("predict", ()), ("loss", (y,)), ("loss", (y, 0.1))]:
        found, expected = (getattr(m, function)(PARAMS, X, *arguments) for m in (three_layer, mlp))

        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("function", ["scores", "loss", "loss_and_grad", "predict"])
def test_another_depth_is_refused_with_the_keys(function):
    f = getattr(three_layer, function)
    arguments = (X, y) if "y" in inspect.signature(f).parameters else (X,)
    deeper = init_params([4, *[5] * three_layer.DEPTH, 3], rng=RNG)

    assert "activation" not in inspect.signature(f).parameters
    with pytest.raises(ValueError, match=re.escape(f"{', '.join(PARAMS)}, ") + ".*" + re.escape(", ".join(deeper))):
        f(deeper, *arguments)
