"""The same mathematics in jax.numpy, forward only: textbook formulas, which share no code and no trick with handgrad.

The reference of a rule or network has its signature and states in annotations what it takes, so that problems can be
drawn for it (:mod:`oracle.reference.annotations`). A rule's form in exact arithmetic stands beside it.
"""

import jax

# before the first array: JAX would make it float32
jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]

from oracle.reference.networks import NETWORKS  # noqa: E402
from oracle.reference.rules import RULES  # noqa: E402

__all__ = ["NETWORKS", "RULES"]
