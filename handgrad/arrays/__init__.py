"""The array libraries: one namespace for all of them, indexing, and arithmetic in place."""
