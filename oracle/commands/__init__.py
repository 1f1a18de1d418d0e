"""The commands of ``python -m oracle``, one a module: its options, and what it prints."""
