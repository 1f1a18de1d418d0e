"""The oracle: proves hand-derived gradients against jax.grad and exact arithmetic, on problems Hypothesis makes up."""

import jax

# before the first array: JAX would make it float32
jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
