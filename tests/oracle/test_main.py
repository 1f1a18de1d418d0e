"""``python -m oracle``: every command is there, and shows how it is called."""

import subprocess
import sys
from pathlib import Path

import pytest

import oracle.commands
from oracle.__main__ import main

COMMANDS = [path.stem for path in sorted(Path(oracle.commands.__file__).parent.glob("[a-z]*.py"))]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])

    assert stopped.value.code == 0
    assert f"example: python -m oracle {command} " in " ".join(capsys.readouterr().out.split())


def test_a_call_without_a_command_names_all_of_them_and_exits_with_2():
    result = subprocess.run([sys.executable, "-m", "oracle"], capture_output=True, text=True, timeout=120)

    assert result.returncode == 2
    assert "the following arguments are required: COMMAND" in result.stderr
    assert "Traceback" not in result.stderr
