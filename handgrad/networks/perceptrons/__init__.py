"""Networks of affine maps and activations: written out for one to three layers, and of any depth."""
