"""Reductions along axes."""

from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from mpmath import exp, log1p, mpf

from oracle.reference.annotations import Choices
from oracle.reference.exact_forms import reduction
from oracle.reference.recording import exact_form

__all__ = ["logsumexp", "max", "mean", "sum", "var"]

Operand: TypeAlias = Annotated[Array, "N H | B N H"]
Axis: TypeAlias = Annotated[int | tuple[int, ...] | None, Choices(None, 0, 1, -1, (0, 1), (-1, 0), ())]
Keep: TypeAlias = Annotated[bool, Choices(False, True)]


def _total(x: list[Any]) -> Any:
    total = mpf(0)
    for a in x:
        total += a
    return total


def _max(x: list[Any]) -> Any:
    top = sorted(x)[-1]
    return top, [mpf(a == top) / x.count(top) for a in x]


def _logsumexp(x: list[Any]) -> Any:
    top = sorted(x)[-1]
    others = list(x)
    others.remove(top)
    rest = _total([exp(a - top) for a in others])
    return top + log1p(rest), [exp(a - top) / (1 + rest) for a in x]


def _var(x: list[Any], *, correction: float = 0.0) -> Any:
    n, average = len(x) - mpf(correction), _total(x) / len(x)
    return _total([(a - average) ** 2 for a in x]) / n, [2 * (a - average) / n for a in x]


@exact_form(reduction(lambda x: (_total(x), [mpf(1)] * len(x))))
def sum(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return Σ x."""
    return jnp.sum(x, axis=axis, keepdims=keepdims)


@exact_form(reduction(lambda x: (_total(x) / len(x), [mpf(1) / len(x)] * len(x))))
def mean(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return 1/n Σ x."""
    return jnp.mean(x, axis=axis, keepdims=keepdims)


@exact_form(reduction(_max))
def max(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return the largest x."""
    return jnp.max(x, axis=axis, keepdims=keepdims)


@exact_form(reduction(_logsumexp))
def logsumexp(x: Operand, *, axis: Axis = None, keepdims: Keep = False) -> Array:
    """Return log Σ eˣ."""
    return jax.scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


@exact_form(reduction(_var))
def var(
    x: Operand, *, axis: Axis = None, keepdims: Keep = False, correction: Annotated[float, Choices(0.0, 0.5)] = 0.0
) -> Array:
    """Return Σ (x − x̄)² / (n − correction)."""
    return jnp.var(x, axis=axis, keepdims=keepdims, correction=correction)
