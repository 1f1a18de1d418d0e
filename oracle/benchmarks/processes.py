"""The time to the first gradient and the memory of a step, each measured in a new process."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from oracle.benchmarks.steps import PROGRAMS, Shape, problem

__all__ = ["FIRST_GRADIENTS", "MEMORY", "first_gradient", "memory_needed", "peak_memory"]

_ARRAYS = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.standard_normal((64, 64)), rng.integers(0, 10, 64)
W1, b1, W2, b2 = rng.standard_normal((64, 100)), np.zeros(100), rng.standard_normal((100, 10)), np.zeros(10)
"""

#: By name: a program that imports what it needs and computes one gradient of a two-layer network.
FIRST_GRADIENTS: Mapping[str, str] = {
    "handgrad": """
from handgrad import two_layer
two_layer.loss_and_grad({"W1": W1, "b1": b1, "W2": W2, "b2": b2}, X, y)
""",
    "numpy": "X.T @ X",
    "jax": """
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
def loss(params):
    s = jax.nn.relu(X @ params[0] + params[1]) @ params[2] + params[3]
    return jnp.mean(jax.nn.logsumexp(s, axis=1) - s[jnp.arange(64), y])
jax.block_until_ready(jax.jit(jax.value_and_grad(loss))((W1, b1, W2, b2)))
""",
    "torch": """
import torch
from torch.nn.functional import cross_entropy, linear, relu
params = [torch.tensor(p, requires_grad=True) for p in (W1, b1, W2, b2)]
cross_entropy(relu(torch.tensor(X) @ params[0] + params[1]) @ params[2] + params[3], torch.tensor(y)).backward()
""",
    "autograd": """
import autograd, autograd.numpy as anp
def loss(params):
    s = anp.dot(anp.maximum(anp.dot(X, params[0]) + params[1], 0), params[2]) + params[3]
    return anp.mean(anp.log(anp.sum(anp.exp(s), axis=1)) - s[np.arange(64), y])
autograd.value_and_grad(loss)([W1, b1, W2, b2])
""",
    "mygrad": """
import mygrad
from mygrad.nnet.losses import softmax_crossentropy
params = [mygrad.tensor(p) for p in (W1, b1, W2, b2)]
softmax_crossentropy(mygrad.maximum(X @ params[0] + params[1], 0) @ params[2] + params[3], y).backward()
""",
    "scikit-learn": """
from sklearn.neural_network import MLPClassifier
MLPClassifier((100,), solver="sgd", batch_size=64).partial_fit(X, y, classes=range(10))
""",
}


def first_gradient(name: str) -> None:
    """Run a program in a new process, from the start of Python to its end."""
    subprocess.run([sys.executable, "-c", _ARRAYS + FIRST_GRADIENTS[name]], check=True, capture_output=True)


def peak_memory(name: str, shape: Shape, dtype: str) -> int:
    """Return the peak growth of a process in bytes while a program takes a step (on Linux).

    What it returned is included; its arguments, and what earlier steps left behind, are not.
    """
    code = f"from oracle.benchmarks.processes import _report_peak; _report_peak({name!r}, {shape}, {dtype!r})"
    # each large array comes from the system and goes back to it, so that what is free does not count
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return int(done.stdout)


def memory_needed(shape: Shape, dtype: str) -> int:
    """Return the bytes that a step needs at the same time: h, dh, s, ds and the gradients."""
    N, D, H, C = shape
    return (2 * N * H + 2 * N * C + D * H + H + H * C + C) * np.dtype(dtype).itemsize


#: The bytes of a step, by program. JAX is left out: it allocates from a pool of its own, which hides its use.
MEMORY: Mapping[str, Callable[[Shape, str], int]] = {
    "handgrad": partial(peak_memory, "handgrad"),
    "needed": memory_needed,
    **{name: partial(peak_memory, name) for name in ("textbook", "graph", "torch", "autograd", "mygrad")},
}


def _report_peak(name: str, shape: Shape, dtype: str) -> None:
    step = PROGRAMS[name](problem(shape, np.dtype(dtype).type))
    for _ in range(3):
        step()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what it is now
    before = _status("VmRSS")
    found = step()
    print((_status("VmHWM") - before) * 1024)
    del found


def _status(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))
