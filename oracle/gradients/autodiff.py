"""JAX's own gradients of a problem, and how far rounding alone may carry a correct answer from them."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from oracle.rounding.bounds import Comparison, best_of, bounds, compare
from oracle.rounding.monte_carlo import with_perturbed_rounding
from oracle.strategies.padding import unpad
from oracle.strategies.problem import Keyed, Problem

__all__ = ["Reference", "answers"]

#: Answers within so many bounds are compared with JAX's own operations as well: its log1p differs from NumPy's by up to
#: 129 units in the last place, on a CPU.
NUMPY_RETRY_FACTOR = 1000
CACHE_SIZE = 1024


@dataclass(frozen=True)
class Reference:
    """The value and gradients by name, and the bound on each entry for a correct answer."""

    expected: dict[str, NDArray[Any]]
    bound: dict[str, NDArray[Any]]
    #: Computes the value and gradients by JAX's own operations, where NumPy carried them out.
    by_jax: Callable[[], dict[str, NDArray[Any]]] | None = None

    def compare(self, given: Mapping[str, Any]) -> list[Comparison]:
        """Return the comparison of each array; one that is close is also compared with JAX's own.

        JAX's functions can be less accurate than NumPy's; a candidate built on them is not at fault.
        """
        found = compare(given, self.expected, self.bound)
        if self.by_jax and any(1 < c.excess < NUMPY_RETRY_FACTOR for c in found):
            found = best_of(found, compare(given, self.by_jax(), self.bound))
        return found


def answers(problem: Problem, *, compiled: bool = False) -> Reference:
    """Run the problem's program in float64, as it is and with its rounding perturbed.

    It is traced once for each key, shape and dtype, and interpreted by NumPy; or, if it can be and should be, compiled
    by JAX: that takes seconds, and pays off after a thousand problems. The reference of a float32 problem is so exact
    that only the answer's own rounding remains between the two.
    """
    program, dtype, like = problem.program(), problem.dtype, problem.like()
    leaves, structure = jax.tree.flatten(program.args)
    leaves = [np.asarray(a, float) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in leaves]
    wide = jax.tree.unflatten(structure, leaves)
    compiled = compiled and program.compilable
    key = object() if program.key is None else program.key
    shapes = ((a.shape, a.dtype) for a in leaves)
    run = _perturbed(Keyed((key, compiled, structure, *shapes), (program.f, compiled, wide)))
    expected, draws = run(dtype, *wide)

    def by_jax() -> dict[str, NDArray[Any]]:
        # one compilation is quicker than that of each operation, but not for every new shape
        f = _jitted(Keyed(program.key, program.f)) if program.compilable else program.f
        found = f(*wide)
        return {name: unpad(found[name], a) for name, a in like.items()}

    scale = math.prod(float(np.max(np.abs(a), initial=1.0, where=np.isfinite(a))) for a in leaves)
    return Reference(
        {name: unpad(expected[name], a) for name, a in like.items()},
        {name: bounds(unpad(draws[name], a), scale=scale, dtype=dtype) for name, a in like.items()},
        None if compiled else by_jax,
    )


@functools.lru_cache(CACHE_SIZE)
def _perturbed(program: Keyed) -> Callable[..., tuple[Any, Any]]:
    f, compiled, example = program.value
    return with_perturbed_rounding(f, *example, compiled=compiled)


@functools.lru_cache(CACHE_SIZE)
def _jitted(program: Keyed) -> Callable[..., dict[str, Any]]:
    return jax.jit(program.value)
