"""Arithmetic, entry by entry, with broadcasting."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jax import Array

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


def add(x: Operand, y: Operand) -> Array:
    """Return x + y."""
    return x + y


def subtract(x: Operand, y: Operand) -> Array:
    """Return x − y."""
    return x - y


def multiply(x: Operand, y: Operand) -> Array:
    """Return x y."""
    return x * y


def divide(x: Operand, y: Nonzero) -> Array:
    """Return x / y."""
    return x / y


def power(
    x: Annotated[Array, "N H | H | 1 H | N 1 |", "bases"], y: Annotated[Array, "N H | H | 1 H | N 1 |", "powers"]
) -> Array:
    """Return xʸ."""
    return jnp.power(x, y)


def maximum(x: Operand, y: Operand) -> Array:
    """Return max(x, y)."""
    return jnp.maximum(x, y)


def minimum(x: Operand, y: Operand) -> Array:
    """Return min(x, y)."""
    return jnp.minimum(x, y)


def where(x: Operand, y: Operand, *, condition: Annotated[Array, "N H | H | N 1 |", "booleans"]) -> Array:
    """Return x where the condition holds, else y."""
    return jnp.where(condition, x, y)


def negative(x: Annotated[Array, "N H"]) -> Array:
    """Return −x."""
    return -x


def exp(x: Exponent) -> Array:
    """Return eˣ."""
    return jnp.exp(x)


def expm1(x: Exponent) -> Array:
    """Return eˣ − 1."""
    return jnp.expm1(x)


def log(x: Positive) -> Array:
    """Return log x."""
    return jnp.log(x)


def log1p(x: Annotated[Array, "N H", "above -1"]) -> Array:
    """Return log(1 + x)."""
    return jnp.log1p(x)


def sqrt(x: Positive) -> Array:
    """Return √x."""
    return jnp.sqrt(x)


def absolute(x: Annotated[Array, "N H"]) -> Array:
    """Return |x|."""
    return jnp.abs(x)
