"""An epoch of one program ends where the same epoch of another does."""

import numpy as np
import pytest

from handgrad import two_layer
from oracle.benchmarks import epochs, installed


@pytest.mark.parametrize("batch_size", epochs.BATCH_SIZES[1:])
@pytest.mark.parametrize("name", sorted(epochs.PROGRAMS.keys() - {"handgrad"}))
def test_every_program_ends_at_the_same_parameters(name, batch_size):
    if name not in installed(epochs.PROGRAMS):
        pytest.skip(f"{name} is not installed: pip install 'handgrad[bench]'")
    of = epochs.training_run(batch_size, np.float64)
    program = epochs.PROGRAMS[name](of)

    expected = epochs.by_hand(of)()

    for _ in range(2):  # from the same start again, though some write into their parameters
        found = program()
        assert set(found) == set(expected)
        for key, p in expected.items():
            assert np.max(np.abs(p - of.params[key])) > 0.01  # it has come some way
            assert np.allclose(found[key], p, rtol=0, atol=1e-10)


def test_an_epoch_lowers_the_loss_and_leaves_its_start_alone():
    of = epochs.training_run(64, np.float32)
    before = {name: p.copy() for name, p in of.params.items()}

    params = epochs.by_hand(of)()

    assert two_layer.loss(params, of.X, of.y) < 0.5 * two_layer.loss(of.params, of.X, of.y)
    assert all(np.array_equal(of.params[name], p) for name, p in before.items())
