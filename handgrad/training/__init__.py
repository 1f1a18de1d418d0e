"""Training: the loop, optimizers, checkpoints, accumulation, distributed data, and a classifier."""
