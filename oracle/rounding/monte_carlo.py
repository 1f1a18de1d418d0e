"""The spread of a gradient under rounding: how far two correct programs may differ on one problem, entry by entry.

Two correct programs for one gradient differ by their rounding alone, so the bound is the size of that rounding. It is
measured on the oracle's own program by Monte Carlo arithmetic: the gradient is evaluated again with the result of each
operation that rounds changed by ± about one unit in the last place, at random, and the largest change over ``DRAWS``
draws is the spread of the entry. Whatever amplifies rounding, amplifies the spread alike: ill-conditioned weights,
cancellation in a sum, p_y − 1 for a label that leads, a pre-activation so near a kink that rounding decides its side.
What does not round does not spread: zeros, and sums and products of small integers, stay as exact as they are in any
correct program, so at a kink that is hit exactly the convention itself is compared.

- An operation is perturbed by ½ to 1½ ulp, and so by at least what IEEE arithmetic errs by; a sum of two by no more
  than the smaller of them, which is the most that can be lost of it, unless float64 would lose the perturbation too.
  No two are perturbed alike: two numbers that nearly cancel, and are changed by one ulp each, keep their difference
  whenever both go the same way, and one pair in 256 would do so in every draw.
- The terms of a sum or matrix product are perturbed one by one, so that its spread grows with its length.
- The signs are drawn at random, too: in half of the draws each entry has its own, in the other half all entries of a
  result err the same way, for rounding can be systematic, as when the same is lost beside a large number in each row.
- A number below the smallest normal one may be flushed to zero. So it is changed by as much as itself.
- ``FACTOR`` covers what the largest of 16 draws does not: a program's exponentials err by up to 4 units of roundoff and
  its order of summation may be a worse one; and the draws themselves may come out small (below a quarter of the
  standard deviation for one entry in 10¹¹). It counts for each of the two programs that are compared. For a float32
  problem it counts once, as JAX then answers in float64.
- One ulp of the entry itself is added, as it has to be rounded in the end, however little there was to round before.
- ``floor`` is where the dtype ends: a number below its smallest normal one may be flushed to zero, in each of a few
  operations, and reach the entry through every argument's largest entry.

References: D. S. Parker, Monte Carlo arithmetic, UCLA CSD-970002, 1997; N. J. Higham, Accuracy and stability of
numerical algorithms, 2nd edition, SIAM 2002, chapters 2 and 3.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from oracle.rounding import interpreter

__all__ = ["DRAWS", "with_perturbed_rounding"]

DRAWS = 16

# Operations that select, rearrange, compare or change a sign: none rounds.
_EXACT = frozenset(
    """
    abs argmax argmin broadcast_in_dim ceil clamp concatenate convert_element_type copy dynamic_slice
    dynamic_update_slice eq floor gather ge gt iota le lt max min ne neg pad reduce_max reduce_min reshape
    rev round scatter select_and_scatter select_n sign slice sort split squeeze stop_gradient transpose
    """.split()  # noqa: SIM905
)
# Operations that do not round integers, and how large these become: by the terms in a sum, the power, the operands.
_SIZE_OF_INTEGERS: dict[str, Callable[..., Any]] = {
    "add": lambda terms, y, a, b: a + b,
    "add_any": lambda terms, y, a, b: a + b,
    "sub": lambda terms, y, a, b: a + b,
    "mul": lambda terms, y, a, b: a * b,
    "square": lambda terms, y, a: a * a,
    "integer_pow": lambda terms, y, a: a**y if y > 0 else np.inf,
    "dot_general": lambda terms, y, a, b: terms * a * b,
    "reduce_sum": lambda terms, y, a: terms * a,
    "scatter-add": lambda terms, y, a, i, b: a + terms * b,
}
_ADDITIONS = frozenset(["add", "add_any", "sub"])
_SUMS = frozenset(["dot_general", "reduce_sum", "scatter-add"])


def with_perturbed_rounding(f: Callable[..., Any], *example: Any, compiled: bool = True) -> Callable[..., Any]:
    """Return a function of a dtype and f's arguments that runs f, and runs it with its rounding exaggerated.

    It returns f's results, and the results of running f's operations in float64 ``DRAWS`` + 1 times, stacked, with each
    that rounds changed by ± ½ to 1½ units in the last place of the dtype. In the first of them nothing is changed.
    If it is not compiled, it is NumPy that carries out the operations that JAX has found.
    """
    jaxpr, out_shape = jax.make_jaxpr(f, return_shape=True)(*example)
    structure = jax.tree.structure(out_shape)
    same_sign = np.arange(DRAWS + 1) % 2 == 0

    # the same every time: a verdict can be repeated
    units = np.random.default_rng(0).uniform(-1, 1, (DRAWS + 1, _entries(jaxpr.jaxpr)))
    units += np.copysign(0.5, units)
    units[0] = 0

    if not compiled:

        def interpreted(dtype: Any, *args: Any) -> Any:
            limits = np.finfo(dtype)
            run = _Perturbation(units, same_sign, float(limits.eps), float(limits.tiny), np, interpreter.evaluate)
            with np.errstate(all="ignore"):
                results = run.run(jaxpr, [run.with_magnitude(a) for a in jax.tree.leaves(args)])
            draws = [np.asarray(value) for value, _ in results]
            return tuple(jax.tree.unflatten(structure, r) for r in ([d[0] for d in draws], draws))

        return interpreted

    @functools.partial(jax.vmap, in_axes=(0, 0, None, None, None))
    def draw(units: Any, same_sign: Any, eps: Any, tiny: Any, leaves: Any) -> Any:
        run = _Perturbation(units, same_sign, eps, tiny, jnp, interpreter.bind)
        results = run.run(jaxpr, [run.with_magnitude(a) for a in leaves])
        return jax.tree.unflatten(structure, [value for value, _ in results])

    @jax.jit
    def both(units: Any, same_sign: Any, eps: Any, tiny: Any, args: Any) -> Any:
        return f(*args), draw(units, same_sign, eps, tiny, jax.tree.leaves(args))

    on_device = jax.device_put((units, same_sign))

    def g(dtype: Any, *args: Any) -> Any:
        limits = np.finfo(dtype)
        return both(*on_device, float(limits.eps), float(limits.tiny), args)

    return g


@dataclass
class _Perturbation:
    """Runs a jaxpr on pairs of a value and the size of the integers in it, which is infinite if there are others.

    It is one draw, of which ``jax.vmap`` makes all, or all draws at once, along the first axis of every value.
    """

    #: The change of each entry in units in the last place: a row for each draw.
    units: Any
    #: For each draw, True if all entries of a result err the same way.
    same_sign: Any
    eps: Any
    tiny: Any
    #: ``jax.numpy`` or ``numpy``, and the function that evaluates one operation of JAX's with it.
    xp: Any
    bind: Callable[..., list[Any]]
    used: int = 0

    def run(self, closed: core.ClosedJaxpr, args: list[Any]) -> list[Any]:
        pairs = dict(zip(closed.jaxpr.constvars, map(self.with_magnitude, closed.consts)))
        pairs.update(zip(closed.jaxpr.invars, args))

        def read(atom: Any) -> Any:
            return self.with_magnitude(atom.val) if isinstance(atom, core.Literal) else pairs[atom]

        for eqn in closed.jaxpr.eqns:
            operands = [read(atom) for atom in eqn.invars]
            inner = _inner(eqn)
            results = self.run(inner, operands) if inner else self.apply(eqn, operands)
            pairs.update(zip(eqn.outvars, results))
        return [read(atom) for atom in closed.jaxpr.outvars]

    def apply(self, eqn: Any, operands: list[Any]) -> list[Any]:
        """Carry out one operation, perturbed unless it is exact."""
        if not operands:  # the same in each draw
            return [self.with_magnitude(r) for r in interpreter.bind(eqn)]
        name = eqn.primitive.name
        values, sizes = zip(*operands)
        if name in _EXACT or not jnp.issubdtype(eqn.outvars[0].aval.dtype, jnp.floating):
            size: Any = functools.reduce(self.xp.maximum, sizes, 1.0)
            return [(r, size) for r in self.bind(eqn, *values)]
        size = np.inf
        if name in _SIZE_OF_INTEGERS:
            terms = max(atom.aval.size for atom in eqn.invars)
            size = _SIZE_OF_INTEGERS[name](terms, eqn.params.get("y"), *sizes)
            size = self.xp.where(size * self.eps <= 1, size, np.inf)
        inexact = self.xp.where(size < np.inf, 0.0, 1.0)
        if name in _SUMS:  # it is the terms that are rounded, and their sums a few at a time
            summed = (self.perturb(v, inexact) if jnp.issubdtype(v.dtype, float) else v for v in values)
            return [(r, size) for r in self.bind(eqn, *summed)]
        results = self.bind(eqn, *values)
        small = None
        if name in _ADDITIONS:  # a + b is never further off than a or b would be
            a, b = (interpreter.aligned(v, results[0].ndim, self.units.ndim - 1) for v in values)
            small = self.xp.where(self.xp.abs(a) < self.xp.abs(b), a, b)
        return [(self.perturb(r, inexact, small), size) for r in results]

    def perturb(self, x: Any, inexact: Any, small: Any = None) -> Any:
        """Return x perturbed where it is inexact and finite: each entry by its own ± units, or all to one side.

        An entry that may be flushed to zero is changed by as much as itself, and none by more than ``small``, if
        that is given, unless float64 could not tell the change.
        """
        draws = self.units.shape[:-1]
        shape = x.shape[len(draws) :]
        start, self.used = self.used, self.used + math.prod(shape)
        units = self.units[..., start : self.used].reshape(x.shape)
        if units.size:
            one = (*draws, *(1 for _ in shape))
            to_one_side = self.xp.copysign(units, self.units[..., start].reshape(one))
            units = self.xp.where(self.same_sign.reshape(one), to_one_side, units)
        size = self.xp.abs(x)
        error = self.xp.maximum(self.eps * size * self.xp.abs(units), self.xp.minimum(size, self.tiny))
        if small is not None:
            least = np.finfo(float).eps * size * self.xp.abs(units)
            error = self.xp.sign(small) * self.xp.minimum(error, self.xp.maximum(self.xp.abs(small), least))
        return self.xp.where(self.xp.isfinite(x), x + inexact * error * self.xp.sign(units), x)

    def with_magnitude(self, x: Any) -> tuple[Any, Any]:
        """Return x in each draw, and the size of the integers in it."""
        x = self.xp.asarray(x)
        everywhere = self.xp.broadcast_to(x, self.units.shape[:-1] + x.shape)
        if x.dtype == bool:
            return everywhere, 1.0
        size = self.xp.max(self.xp.abs(x), initial=1).astype(float)
        return everywhere, self.xp.where(self.xp.all(x == self.xp.round(x)), size, np.inf)


def _inner(eqn: Any) -> core.ClosedJaxpr | None:
    """Return the body of an equation that calls one, as ``jax.jit`` does."""
    body = eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
    return body if isinstance(body, core.ClosedJaxpr) and len(body.jaxpr.invars) == len(eqn.invars) else None


def _entries(jaxpr: Any) -> int:
    """Count the entries of all operands and results: more units than these cannot be needed."""
    return sum(
        _entries(inner.jaxpr) if (inner := _inner(eqn)) else sum(v.aval.size for v in [*eqn.invars, *eqn.outvars])
        for eqn in jaxpr.eqns
    )
