"""The same mathematics in jax.numpy, forward only: the textbook formulas, sharing no code and no trick with handgrad.

A twin has its rule's or network's signature. The positional arguments and the value of a rule's twin are annotated
with their dimensions, so that problems can be made up for it and padded to one shape: with zeros, or with what the
annotation gives for a dimension. A twin that averages over rows takes ``where=``, the mask of the rows that count.
"""

import jax

# before the first array: JAX would make it float32
jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]

from oracle.reference.networks import NETWORKS  # noqa: E402
from oracle.reference.rules import RULES  # noqa: E402

__all__ = ["NETWORKS", "RULES"]
