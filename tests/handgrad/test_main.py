import re
import subprocess
import sys
from pathlib import Path

import pytest

from handgrad import __main__ as command
from handgrad.commands import draw, train

ROOT = Path(command.__file__).parents[1]


def test_no_command_prints_help(run):
    done = run()

    assert done.returncode == 0
    assert "python -m handgrad" in done.stdout
    assert "train" in done.stdout


@pytest.mark.parametrize("module", [train, draw])
def test_help_has_examples_and_the_parser_accepts_each(module, monkeypatch, capsys):
    name = module.__name__.rsplit(".", 1)[1]
    with pytest.raises(SystemExit) as stop:
        command.main([name, "--help"])
    assert stop.value.code == 0
    examples = re.findall(rf"^  python -m handgrad ({name}.*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(examples) >= 3

    seen = []
    monkeypatch.setattr(module, "_run", seen.append)
    for example in examples:
        assert command.main(example.split()) == 0
    assert len(seen) == len(examples)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--fly"], "unrecognized arguments: --fly"),
    ],
)
def test_bad_usage_is_one_clear_line_and_status_2(arguments, message, capsys):
    try:
        status = command.main(arguments)
    except SystemExit as stop:  # how argparse ends
        status = stop.code

    output = capsys.readouterr()
    assert status == 2
    assert output.err.startswith("handgrad: error: ")
    assert output.err.count("\n") == 1
    assert message in output.err


def test_a_process_with_a_bad_path_ends_with_status_2_and_no_traceback(run):
    done = run("train", "--data", "cifar10", "--path", "/none/such")

    assert done.returncode == 2
    assert re.fullmatch(r"handgrad: error: .*/none/such.*\n", done.stderr)
    assert done.stdout == ""


def test_the_command_line_needs_no_terminal_home_or_other_package():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, handgrad.__main__; print({m.split('.')[0] for m in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={},
    )

    assert not {"jax", "scipy", "sklearn", "rich", "hypothesis"} & set(re.findall(r"'(\w+)'", done.stdout))
