"""The matrix product."""

from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from oracle.reference.exact_forms import zeros
from oracle.reference.recording import exact_form

__all__ = ["matmul"]


def _exact(x: Any, y: Any) -> Any:
    """Multiply entry by entry: z[n, h] += x[n, d] y[d, h] for every matrix of the stack."""
    row, column = x if x.ndim > 1 else x[None, :], y if y.ndim > 1 else y[:, None]
    stack = np.broadcast_shapes(row.shape[:-2], column.shape[:-2])
    z = zeros((*stack, row.shape[-2], column.shape[-1]))

    def products() -> Any:
        """Yield the places in z, x and y of each product."""
        for *at, n, h in np.ndindex(z.shape):
            in_x, in_y = (
                [i if m > 1 else 0 for i, m in zip(at[len(stack) - a.ndim + 2 :], a.shape)] for a in (row, column)
            )
            for d in range(row.shape[-1]):
                yield (*at, n, h), (*in_x, n, d), (*in_y, d, h)

    for place, i, j in products():
        z[place] += row[i] * column[j]

    def backward(dz: Any) -> tuple[Any, ...]:
        dz, dx, dy = dz.reshape(z.shape), zeros(row.shape), zeros(column.shape)
        for place, i, j in products():
            dx[i] += dz[place] * column[j]
            dy[j] += dz[place] * row[i]
        return dx.reshape(x.shape), dy.reshape(y.shape)

    shape = np.matmul(np.zeros(x.shape), np.zeros(y.shape)).shape
    return z.reshape(shape), backward


@exact_form(_exact)
def matmul(
    x: Annotated[Array, "N D | B N D | 1 N D | A B N D | D"], y: Annotated[Array, "D H | B D H | 1 D H | D"]
) -> Array:
    """Return x y."""
    return jnp.matmul(x, y)
