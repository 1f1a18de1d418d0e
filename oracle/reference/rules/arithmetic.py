"""Arithmetic, entry by entry, with broadcasting."""

from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
import mpmath
import numpy as np
from jax import Array
from mpmath import mpf

from oracle.reference.exact_forms import elementwise, operation, rearrangement
from oracle.reference.recording import exact_form

__all__ = [
    "absolute",
    "add",
    "divide",
    "exp",
    "expm1",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "sqrt",
    "subtract",
    "where",
]

Operand: TypeAlias = Annotated[Array, "N H | H | 1 H | N 1 |"]
Nonzero: TypeAlias = Annotated[Array, "N H | H | 1 H | N 1 |", "nonzero"]
Positive: TypeAlias = Annotated[Array, "N H", "positive"]
Exponent: TypeAlias = Annotated[Array, "N H", "exponents"]


def _power_slopes(x: Any, y: Any) -> tuple[Any, Any]:
    return (y * x ** (y - 1) if y else mpf(0)), (x**y * mpmath.log(x) if x else mpf(0))


@exact_form(operation(lambda x, y: x + y, lambda x, y: (mpf(1), mpf(1))))
def add(x: Operand, y: Operand) -> Array:
    """Return x + y."""
    return x + y


@exact_form(operation(lambda x, y: x - y, lambda x, y: (mpf(1), mpf(-1))))
def subtract(x: Operand, y: Operand) -> Array:
    """Return x − y."""
    return x - y


@exact_form(operation(lambda x, y: x * y, lambda x, y: (y, x)))
def multiply(x: Operand, y: Operand) -> Array:
    """Return x y."""
    return x * y


@exact_form(operation(lambda x, y: x / y, lambda x, y: (1 / y, -x / y**2)))
def divide(x: Operand, y: Nonzero) -> Array:
    """Return x / y."""
    return x / y


@exact_form(operation(lambda x, y: x**y, _power_slopes))
def power(
    x: Annotated[Array, "N H | H | 1 H | N 1 |", "bases"], y: Annotated[Array, "N H | H | 1 H | N 1 |", "powers"]
) -> Array:
    """Return xʸ."""
    return jnp.power(x, y)


@exact_form(operation(max, lambda x, y: (mpf(x > y) + mpf(x == y) / 2, mpf(y > x) + mpf(x == y) / 2)))
def maximum(x: Operand, y: Operand) -> Array:
    """Return max(x, y)."""
    return jnp.maximum(x, y)


@exact_form(operation(min, lambda x, y: (mpf(x < y) + mpf(x == y) / 2, mpf(y < x) + mpf(x == y) / 2)))
def minimum(x: Operand, y: Operand) -> Array:
    """Return min(x, y)."""
    return jnp.minimum(x, y)


@exact_form(rearrangement(lambda x, y, *, condition: np.where(condition, x, y)))
def where(x: Operand, y: Operand, *, condition: Annotated[Array, "N H | H | N 1 |", "booleans"]) -> Array:
    """Return x where the condition holds, else y."""
    return jnp.where(condition, x, y)


@exact_form(elementwise(lambda x: -x, lambda x: mpf(-1)))
def negative(x: Annotated[Array, "N H"]) -> Array:
    """Return −x."""
    return -x


@exact_form(elementwise(mpmath.exp, mpmath.exp))
def exp(x: Exponent) -> Array:
    """Return eˣ."""
    return jnp.exp(x)


@exact_form(elementwise(mpmath.expm1, mpmath.exp))
def expm1(x: Exponent) -> Array:
    """Return eˣ − 1."""
    return jnp.expm1(x)


@exact_form(elementwise(mpmath.log, lambda x: 1 / x))
def log(x: Positive) -> Array:
    """Return log x."""
    return jnp.log(x)


@exact_form(elementwise(mpmath.log1p, lambda x: 1 / (1 + x)))
def log1p(x: Annotated[Array, "N H", "above -1"]) -> Array:
    """Return log(1 + x)."""
    return jnp.log1p(x)


@exact_form(elementwise(mpmath.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x))))
def sqrt(x: Positive) -> Array:
    """Return √x."""
    return jnp.sqrt(x)


@exact_form(elementwise(abs, lambda x: mpf(1) if x >= 0 else mpf(-1)))
def absolute(x: Annotated[Array, "N H"]) -> Array:
    """Return |x|."""
    return jnp.abs(x)
