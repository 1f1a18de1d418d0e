import subprocess
import sys
from pathlib import Path

import pytest

import handgrad


@pytest.fixture
def run():
    """Return a function that runs ``python -m handgrad`` in a process of its own."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "handgrad", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=Path(handgrad.__file__).parents[1],
        )

    return run
