"""Diagnosis of networks of affine maps: the table of mistakes, and which of them explain a difference."""

from typing import Any, TypeGuard

from oracle.strategies.networks import NetworkProblem

__all__ = ["is_perceptron"]


def is_perceptron(problem: Any) -> TypeGuard[NetworkProblem]:
    """Return True for a problem of a network by name whose parameters are W1, b1, W2, b2, and so on."""
    if not isinstance(problem, NetworkProblem) or problem.truth is not None:
        return False
    depth = len(problem.named_params) // 2
    return [*problem.named_params] == [f"{kind}{i}" for i in range(1, depth + 1) for kind in "Wb"]
