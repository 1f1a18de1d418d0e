"""The loops are an independent source of gradients: plain Python that agrees with JAX."""

import ast
import inspect

import numpy as np
from hypothesis import given

from oracle.gradients import autodiff, loops
from oracle.rounding.bounds import compare
from oracle.strategies.networks import network_problems


@given(problem=network_problems("two_layer", np.float64))
def test_neuron_by_neuron_equals_jax(problem):
    loss, grads = loops.loss_and_grad(problem.params, problem.X, problem.y, problem.reg)

    by_jax = autodiff.answers(problem)

    assert all(c.agrees for c in compare({"loss": loss, **grads}, by_jax.expected, by_jax.bound))


def test_there_is_no_matrix_in_it():
    tree = ast.parse(inspect.getsource(loops))

    assert not any(isinstance(node, ast.MatMult) for node in ast.walk(tree))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & {"dot", "T", "matmul", "einsum", "maximum", "sum", "where"}
