"""Checks: problems drawn, answers evaluated, findings and the verdict."""
