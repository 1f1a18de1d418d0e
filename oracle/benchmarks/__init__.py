"""Speed, side by side: handgrad and those that compute the same, in one run."""
