"""Independent sources of gradients, which share no code with one another nor with handgrad."""
