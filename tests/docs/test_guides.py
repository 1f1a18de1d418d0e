"""The guides show what happens: sessions, command lines with their output, and the walkthrough."""

import doctest
import os
import re
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


def applied(language, text, copy):
    """Apply the change in a block of the walkthrough, at the place given in its first line."""
    head, body = text.split("\n", 1)
    if language == "py":
        name, at = re.fullmatch(r"# (\S+), (.*)", head).groups()
        was = (copy / name).read_text()
        if at == "at the end":
            now = f"{was}\n\n{body}"
        elif at.startswith("above "):
            now = was.replace(f"def {at[6:]}(", f"{body}\n\ndef {at[6:]}(")
        else:
            function = re.fullmatch(r"in the place of (\w+)", at)[1]
            now = re.sub(
                rf"^(@[^\n]*\n)?def {function}\(.*?(?=\n\n\n)",
                lambda _: body.rstrip(),
                was,
                flags=re.DOTALL | re.MULTILINE,
            )
    else:
        name, lines = head.removeprefix("# "), body.splitlines()
        old, new = ("\n".join(line[1:] for line in lines if line[:1] != sign) for sign in "+-")
        was = (copy / name).read_text()
        assert was.count(old) == 1, f"{name} has {was.count(old)} times:\n{old}"
        now = was.replace(old, new)
    assert now != was
    (copy / name).write_text(now)


def test_the_walkthrough_runs_as_shown(tmp_path):
    copy, hidden = tmp_path / "copy", tmp_path / "hidden"
    for name in ("handgrad", "oracle", "tests", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_static", "_build"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, copy)
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\nsys.modules['torch'] = None\n"
    )  # the page shows no column for it
    printed = []

    for language, text in blocks(WALKTHROUGH):
        if language in ("py", "diff"):
            applied(language, text, copy)
        elif language == "md":
            (copy / "docs" / "derivations" / "softclip.md").write_text(text)
        for command, expected in sessions(text) if language == "console" else ():
            searched = [str(copy), *([str(hidden)] if "accuracy" in command else [])]
            done = run(command, copy, PYTHONPATH=os.pathsep.join(searched), HYPOTHESIS_PROFILE="dev")
            printed.append(done.stdout)
            assert normalised(done.stdout) == normalised(expected), done.stdout + done.stderr

    wrong, right, digits_lost, digits_kept, green, tests = printed
    exact, ours = (float(re.search(rf"{who} says (\S+?),?\s", wrong)[1]) for who in ("exact arithmetic", "handgrad"))
    assert ours / exact == pytest.approx(np.e / (np.e - 1))  # as the page finds
    assert "agrees" in right
    assert "agrees" in green
    assert float(re.search(r"^softclip +\S+ +\S+ +(\S+)", digits_lost, re.MULTILINE)[1]) > 1e10
    assert float(re.search(r"^softclip +\S+ +\S+ +(\S+)", digits_kept, re.MULTILINE)[1]) < 8
    assert "failed" not in tests
