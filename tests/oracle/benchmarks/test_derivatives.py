"""What is timed side by side is the same, from handgrad and from JAX."""

import jax
import numpy as np
import pytest

from oracle.benchmarks import derivatives, steps


@pytest.mark.parametrize("what", derivatives.QUANTITIES)
def test_handgrad_and_jax_give_the_same(what):
    of = steps.problem((6, 5, 4, 3), np.float64)

    programs = derivatives.QUANTITIES[what](of)

    given, expected = (jax.tree.leaves(programs[name]()) for name in ("handgrad", "jax"))
    if what == "gradient of the data too":  # JAX's come apart: those of the parameters, and that of the data
        given, expected = sorted(given, key=np.sum), sorted(expected, key=np.sum)
    assert len(given) == len(expected)
    for a, b in zip(given, expected):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-12)
        assert a.shape == b.shape
