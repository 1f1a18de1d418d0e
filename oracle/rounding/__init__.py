"""Rounding: bounds on how far two correct programs may differ."""
