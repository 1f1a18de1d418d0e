"""What is measured in a process of its own."""

import sys
import tracemalloc

import numpy as np
import pytest

from handgrad import two_layer
from oracle.benchmarks import installed, processes, steps


@pytest.mark.parametrize("name", ["handgrad", "numpy", "autograd"])  # the others take seconds to be imported
def test_each_program_runs_in_a_new_process(name):
    if name not in installed([name]):
        pytest.skip(f"{name} is not installed: pip install 'handgrad[bench]'")

    processes.first_gradient(name)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_step_grows_a_process_by_what_it_needs_and_little_more():
    shape = (512, 784, 256, 10)

    found = processes.peak_memory("handgrad", shape, "float64")

    assert 0.9 < found / processes.memory_needed(shape, "float64") < 1.2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", steps.SHAPES[3:5])
def test_a_step_has_h_its_gradient_the_results_and_no_other_large_array_at_a_time(shape, dtype):
    of = steps.problem(shape, dtype)
    two_layer.loss_and_grad(of.params, of.X, of.y, of.reg)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    two_layer.loss_and_grad(of.params, of.X, of.y, of.reg)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    temporary = shape[0] * shape[2] * np.dtype(dtype).itemsize  # one of the size of h: the mask of its bits
    assert peak - before < processes.memory_needed(shape, np.dtype(dtype).name) + temporary + 1e5
