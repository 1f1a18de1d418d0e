"""The affine map."""

from typing import Annotated, Any

from jax import Array

from oracle.reference.recording import exact_form

__all__ = ["affine"]


def _exact(x: Any, W: Any, b: Any) -> Any:
    return x @ W + b, lambda dz: (dz @ W.T, x.T @ dz, dz.sum(axis=0))


@exact_form(_exact)
def affine(x: Annotated[Array, "N D"], W: Annotated[Array, "D H"], b: Annotated[Array, "H"]) -> Annotated[Array, "N H"]:
    """Return x W + b."""
    return x @ W + b
