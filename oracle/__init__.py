"""The oracle: proves handgrad's gradients against jax.grad and exact arithmetic, on problems that Hypothesis makes up."""

import jax

jax.config.update("jax_enable_x64", True)  # before the first array: JAX would make it float32
