"""The guides show what happens: sessions, command lines with their output, and the walkthrough."""

import doctest
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
WALKTHROUGH = ROOT / "docs" / "guides" / "add_a_rule.md"

each_guide = pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)


def blocks(page):
    """Yield the language and the dedented text of each code block."""
    for indent, _, language, text in re.findall(
        r"^( *)(`{3,})(\w+)\n(.*?)^\1\2$", page.read_text(), re.DOTALL | re.MULTILINE
    ):
        yield language, textwrap.dedent(text) if indent else text


def normalised(text):
    """Return a command's output with its numbers, blanks and table rules normalised, as they differ between runs."""
    text = re.sub(r"-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?", "0", text)
    return re.sub(r"[\s─.]+", " ", text).strip()


def run(line, folder, **environment):
    """Run a line in a shell, with this interpreter as ``python``, and return the completed process."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", **environment}
    variables.pop("COLUMNS", None)
    return subprocess.run(line, shell=True, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)


def sessions(text):
    """Yield each command of a console block and the output that the block shows."""
    yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", text, re.MULTILINE)


def idx(a):
    return struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home directory with a few images where the guides expect them."""
    home = tmp_path_factory.mktemp("home")
    rng, labels = np.random.default_rng(0), np.arange(40, dtype=np.uint8) % 10
    (home / "mnist").mkdir()
    for part in ("train", "t10k"):
        images = rng.integers(0, 256, (40, 28, 28), np.uint8)
        (home / "mnist" / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (home / "mnist" / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    (home / "cifar-10-batches-py").mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = np.column_stack([labels, rng.integers(0, 256, (40, 3072), np.uint8)])
        (home / "cifar-10-batches-py" / f"{name}.bin").write_bytes(records.tobytes())
    return home


@each_guide
def test_interactive_sessions_print_what_they_show(page, home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    session = "\n".join(text for language, text in blocks(page) if language == "pycon")
    examples = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)

    failed, _ = doctest.DocTestRunner().run(examples)

    assert failed == 0


def test_the_pytorch_examples_run():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    page = ROOT / "docs" / "guides" / "frameworks.md"
    variables = {}

    for language, text in blocks(page):
        if language in ("python", "py"):
            exec(compile(text, page.name, "exec"), variables)


@each_guide
def test_command_lines_run(page, home, tmp_path):
    for language, text in blocks(page):
        for line in text.splitlines() if language == "sh" else ():
            if re.search(r"\bvenv\b|pip install|^python -m oracle bench$", line):
                continue  # set-up, or minutes long
            assert line.startswith("python -m "), line

            done = run(line.replace("-m timeit", "-m timeit -n 1 -r 1"), tmp_path, HOME=str(home))

            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in GUIDES if page != WALKTHROUGH], ids=lambda page: page.stem)
def test_commands_print_what_the_page_shows(page, tmp_path):
    for language, text in blocks(page):
        for command, printed in sessions(text) if language == "console" else ():
            done = run(command, tmp_path)

            assert normalised(done.stdout) == normalised(printed)


def test_the_figures_on_the_speed_page_come_from_its_file():
    shown = run("python -m oracle bench --show docs/guides/speed.json", ROOT).stdout

    assert shown.strip() in (text.strip() for language, text in blocks(ROOT / "docs" / "guides" / "speed.md"))


#: Runs commands in one process, as each would take seconds to import JAX; a zero byte follows the output of each.
DRIVER = """
import json, shlex, sys
sys.modules["torch"] = None  # the page shows no column for it
import pytest
from oracle.__main__ import main

for command in json.loads(sys.argv[1]):
    _, _, program, *arguments = shlex.split(command)
    if program == "-c":
        exec(arguments[0], {})
    else:
        {"oracle": main, "pytest": pytest.main}[program](arguments)
    print(end="\\0", flush=True)
"""

#: Plants an error in each of the three, as a user's own code, and prints the verdicts.
WRONG = """
from pathlib import Path
import oracle

for name, file, right, wrong in [
    ("rms_norm", "rules/normalization.py", "(d - u * xp.mean(d * u, axis=1, keepdims=True)) / r", "d / r"),
    ("mean_squared_error", "rules/regression.py", "dL * 2 / d.size", "dL * 2 / len(d)"),
    ("two_layer_gain", "networks/perceptrons/two_layer_gain.py", "r1_backward(dr1)", "r1_backward(dh1)"),
]:
    source, planted = Path("handgrad", file).read_text(), {}
    assert source.count(right) == 1
    exec(source.replace(right, wrong), planted)
    verdict = oracle.check(planted.get(name) or planted["loss_and_grad"], name, examples=20)
    print(name, verdict.ok, *sorted({finding.array for finding in verdict.findings}))
"""


def files_in(folder):
    """Return the contents of each file, of those that a commit could hold."""
    ignored = {"__pycache__", "_static", "_build", ".pytest_cache", ".hypothesis", "golden"}
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path): (folder / path).read_bytes() for path in paths if not ignored & {*path.parts}}


def outputs(commands, copy):
    """Return the output of each command."""
    line = shlex.join(["python", "-c", DRIVER, json.dumps(commands)])
    # pytest runs last, with Hypothesis in use already
    loaded = "-W ignore::pytest.PytestAssertRewriteWarning -W ignore::hypothesis.errors.HypothesisSideeffectWarning"
    done = run(line, copy, PYTHONPATH=str(copy), HYPOTHESIS_PROFILE="guide", PYTEST_ADDOPTS=loaded)
    *printed, rest = done.stdout.split("\0")
    assert (done.returncode, rest, len(printed)) == (0, "", len(commands)), done.stdout + done.stderr
    return printed


def written_files():
    """Return the files of the walkthrough by name, and the change that mends its mistake."""
    files, change = {}, None
    for language, text in blocks(WALKTHROUGH):
        if language in ("py", "diff"):
            head, body = text.split("\n", 1)
            name = head.removeprefix("# ")
            if language == "py":
                files[name] = body
            else:
                change = name, *("\n".join(x[1:] for x in body.splitlines() if x[:1] != sign) for sign in "+-")
        elif language == "md":
            files[f"docs/derivations/{re.search(r':pyobject: (.*)', text)[1]}.md"] = text
    return files, change


def test_the_walkthrough_runs_as_shown_and_adds_three_three_and_two_files(tmp_path):
    copy = tmp_path / "copy"
    for name in ("handgrad", "oracle", "tests", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_static", "_build"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, copy)
    before = files_in(copy)
    files, (changed, old, new) = written_files()
    late = ["oracle/reference/rules/regression.py", "docs/derivations/rms_norm.md"]
    shown = [each for language, text in blocks(WALKTHROUGH) if language == "console" for each in sessions(text)]
    for name, text in files.items():
        if name not in late:
            (copy / name).write_text(text)

    commands = [shown[0][0], "python -m pytest -n 0 -q -k 'has_a_reference or has_a_page' tests"]
    commands[1] = commands[1].replace(
        " tests", " tests/handgrad/rules/test_every_rule.py tests/docs/test_derivations.py"
    )
    wrong, incomplete = outputs(commands, copy)

    assert normalised(wrong) == normalised(shown[0][1]), wrong
    assert re.findall(r"^FAILED \S*::(\w+\[\w+\])", incomplete, re.MULTILINE) == [
        "test_has_a_reference_with_the_same_signature_and_an_exact_form[mean_squared_error]",
        "test_every_rule_and_derived_network_has_a_page[rms_norm]",
    ]
    assert files[changed].count(old) == 1
    for name, text in files.items():
        (copy / name).write_text(text.replace(old, new) if name == changed else text)
    accuracy = "python -m oracle accuracy --only mean_squared_error two_layer_gain --dtype float64"

    *printed, accurate, verdicts = outputs(
        [*(c for c, _ in shown[1:]), accuracy, f"python -m -c {shlex.quote(WRONG)}"], copy
    )

    for output, (_, expected) in zip(printed, shown[1:], strict=True):
        assert normalised(output) == normalised(expected), output
    assert "Every gradient is within 8" in accurate
    assert verdicts.splitlines() == [
        "rms_norm False dx",
        "mean_squared_error False dpredictions",
        "two_layer_gain False W1 b1",
    ]
    after = files_in(copy)
    assert {name: after[name] for name in before} == before
    assert sorted(after.keys() - before.keys()) == sorted(files)
    assert len(files) == 3 + 3 + 2
