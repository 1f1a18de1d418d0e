"""Diagnosis of networks of affine maps: the table of mistakes, and which of them explain a difference."""
