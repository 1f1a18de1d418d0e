"""The network that the steps, and what they keep, are looked at on."""

import numpy as np
import pytest

from handgrad import graph, init_params


@pytest.fixture(scope="session")
def problem():
    """Parameters, examples, labels and reg."""
    rng = np.random.default_rng(0)
    params = init_params([4, 10, 3], rng=rng)
    params["b1"] += 0.1 * rng.standard_normal(10)
    return params, rng.standard_normal((5, 4)), np.array([0, 2, 1, 1, 2]), 0.1


@pytest.fixture(scope="session")
def network(problem):
    """The trace of its loss, by the parameters alone."""
    params, X, y, reg = problem
    return graph.trace(graph.network_loss, params, X=X, y=y, reg=reg)
