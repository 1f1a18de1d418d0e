"""The commands of ``python -m handgrad``, one a module: its options, and what it prints."""
