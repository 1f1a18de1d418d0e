"""``python -m oracle check``: exit status 0, 1 or 2, a verdict in text, JSON and HTML, and no traceback."""

import json
import subprocess
import sys

import pytest

from oracle.__main__ import main
from oracle.commands import check

HOMEWORK = """
import numpy as np
from handgrad import two_layer

def right(params, X, y, reg):
    return two_layer.loss_and_grad(params, X, y, reg)

def wrong(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, {**grads, "b2": grads["b2"] / len(X)}

def without_half(params, X, y, reg):
    return two_layer.loss_and_grad(params, X, y, 2 * reg)

def my_relu(z):
    return np.maximum(z, 0), lambda dh: (dh * (z >= 0),)

class Net:
    @staticmethod
    def loss(params, X, y, reg):
        return right(params, X, y, reg)

number = 3
"""


@pytest.fixture
def homework(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    name = f"homework_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(HOMEWORK)
    return lambda function: f"{tmp_path / name}.py:{function}"


def test_right_code_exits_with_0(homework, capsys):
    assert main(["check", homework("right"), "--against", "two_layer", "--examples", "20"]) == 0
    assert "two_layer: correct on 20 problems" in capsys.readouterr().out


def test_wrong_code_exits_with_1_and_names_the_cause(homework, capsys, tmp_path):
    page = tmp_path / "report.html"

    status = main(["check", homework("wrong"), "--against", "two_layer", "--html", str(page)])

    assert status == 1
    assert "cause: bias-averaged" in capsys.readouterr().out
    assert "bias-averaged" in page.read_text()


def test_json_is_the_verdict_and_nothing_else(homework, capsys):
    status = main(["check", homework("my_relu"), "--against", "relu", "--json"])

    assert status == 1
    assert json.loads(capsys.readouterr().out)["causes"] == ["mask-at-zero"]


def test_conventions_are_options(homework, capsys):
    call = ["check", homework("without_half"), "--against", "two_layer", "--examples", "20"]

    assert main([*call, "--no-half"]) == 0
    assert main([*call, "--sum", "--penalise-biases"]) == 1


def test_a_function_may_be_in_a_class_or_a_module(homework, capsys):
    assert main(["check", homework("Net.loss"), "--against", "two_layer", "--examples", "5"]) == 0
    assert main(["check", "handgrad:two_layer.loss_and_grad", "--against", "two_layer", "--examples", "5"]) == 0


@pytest.mark.parametrize(
    ("candidate", "against", "said"),
    [
        ("{}:nothing", "two_layer", "has no nothing"),
        ("{}:right", "two_layers", "truth must be one of softmax_classifier,"),
        ("{}:number", "two_layer", "candidate must be callable, got int"),
        ("{}:right", "mlp", "activation must name each hidden layer"),
        ("{}", "two_layer", "must be MODULE:FUNCTION"),
        ("no_such_module:f", "two_layer", "No module named 'no_such_module'"),
        ("no_such_file.py:f", "two_layer", "there is no file no_such_file.py"),
        ("{broken}:f", "two_layer", "could not be imported: ZeroDivisionError: division by zero"),
        ("{syntax}:f", "two_layer", "could not be imported: SyntaxError"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_status_2(homework, tmp_path, capsys, candidate, against, said):
    broken, syntax = tmp_path / "broken_module.py", tmp_path / "syntax_module.py"
    broken.write_text("1 / 0")
    syntax.write_text("def f(:")
    place = homework("").rstrip(":")

    status = main(["check", candidate.format(place, broken=broken, syntax=syntax), "--against", against])

    error = capsys.readouterr().err
    assert status == 2
    assert said in error
    assert error.startswith("python -m oracle check: error: ")
    assert len(error.splitlines()) == 1


def test_the_command_itself_imports_the_named_file_and_what_that_imports_and_nothing_else(tmp_path):
    """With -P, as Python's -m would put the folder that it is run in before all others."""
    for name in ("numpy", "jax", "json", "random", "handgrad", "oracle", "matplotlib", "latex2mathml", "torch", "cupy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})")
    (tmp_path / "layers.py").write_text("from handgrad import two_layer")
    (tmp_path / "given.py").write_text(HOMEWORK.replace("from handgrad import", "from layers import"))
    call = ["check", "given.py:wrong", "--against", "two_layer", "--examples", "10", "--html", "page.html"]

    command = [sys.executable, "-P", "-m", "oracle", *call]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)

    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert (tmp_path / "page.html").exists()
    assert not (tmp_path / "ran").exists()


def test_a_module_is_found_where_the_command_is_called_which_stays_off_the_path(tmp_path, monkeypatch):
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text("def here():\n    return 'here'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder not in ("", str(tmp_path))])
    path = sys.path[:]

    assert check._load(f"{name}:here")() == "here"
    assert sys.path == path


@pytest.mark.parametrize("name", ["json", "numpy", "handgrad"])
def test_the_file_that_is_named_is_the_one_that_is_run_whatever_else_has_its_name(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("def here():\n    return 'here'")
    known, path = sys.modules[name], sys.path[:]

    assert check._load(f"{tmp_path / name}.py:here")() == "here"

    assert sys.modules[name] is known
    assert sys.path == path
    assert [f.name for f in tmp_path.iterdir()] == [f"{name}.py"]


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["check", "--help"])

    shown = " ".join(capsys.readouterr().out.split())
    assert "example: python -m oracle check homework.py:loss_and_grad" in shown
    assert "It runs your code, with all that you may do: check only what you would run." in shown
