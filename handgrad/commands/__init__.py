"""The commands of ``python -m handgrad``, one per module."""
