"""Compare further derivatives of the networks with JAX's, to within rounding."""

import functools

import jax
import numpy as np

from handgrad import NETWORKS, init_params
from oracle import reference
from oracle.rounding.bounds import bounds, compare
from oracle.rounding.monte_carlo import with_perturbed_rounding

#: The networks whose parameters are W1, b1, W2, b2 and so on, and which have all further derivatives.
PERCEPTRONS = ("softmax_classifier", "two_layer", "three_layer", "mlp")


def differences_from_jax(given, f, problem, *args):
    """Return where what is given differs from f(*args) in JAX by more than rounding explains."""
    args = jax.tree.map(lambda a: a.astype(float) if a.dtype.kind == "f" else a, args)
    expected, draws = with_perturbed_rounding(f, *args, compiled=False)(problem.dtype, *args)
    largest = [float(np.max(np.abs(a), initial=1.0)) for a in jax.tree.leaves(args)]
    bound = {key: bounds(d, scale=float(np.prod(largest)), dtype=problem.dtype) for key, d in draws.items()}
    for key, a in given.items():
        assert a.dtype == problem.dtype, key
        assert a.shape == np.shape(expected[key]), key
    return [str(c) for c in compare(given, expected, bound) if not c.agrees]


def loss_of(problem):
    loss = functools.partial(reference.NETWORKS[problem.name].loss, **problem.kwargs)
    return lambda params, X, y: loss(params, X, y, float(problem.dtype.type(problem.reg)))


def call(function, problem, *before):
    function = getattr(NETWORKS[problem.name], function)
    return function(problem.params, *before, problem.X, problem.y, problem.reg, **problem.kwargs)


def small_problem(name, dtype):
    rng = np.random.default_rng(3)
    depth = getattr(NETWORKS[name], "DEPTH", 3)
    params = init_params([3, *[4] * (depth - 1), 3], rng=rng, dtype=dtype)
    params = {key: p + 0.1 * rng.standard_normal(p.shape).astype(dtype) for key, p in params.items()}
    kwargs = {"activation": ("tanh", "gelu")} if name == "mlp" else {}
    return params, rng.standard_normal((5, 3)).astype(dtype), rng.integers(0, 3, 5), kwargs
