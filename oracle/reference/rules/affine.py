"""The affine map."""

from typing import Annotated

from jax import Array

__all__ = ["affine"]


def affine(x: Annotated[Array, "N D"], W: Annotated[Array, "D H"], b: Annotated[Array, "H"]) -> Annotated[Array, "N H"]:
    """Return x W + b."""
    return x @ W + b
