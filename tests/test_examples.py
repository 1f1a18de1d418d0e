"""Every example runs: those in the docstrings and those in the README."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import handgrad
import oracle

ROOT = Path(__file__).parent.parent
MODULES = [
    module.name
    for package in (handgrad, oracle)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name))

    assert failed == 0


@pytest.mark.parametrize("name", sorted(set(handgrad.__all__) - {"datasets"}))
def test_every_public_function_has_an_example_and_a_source(name):
    public = getattr(handgrad, name)
    if callable(public) and not (isinstance(public, type) and issubclass(public, Exception)):
        assert ">>>" in public.__doc__
        assert "References" in public.__doc__
    elif name in handgrad.NETWORKS:
        for function in public.__all__:
            assert ">>>" in getattr(public, function).__doc__
            assert "docs/derivations/" in getattr(public, function).__doc__


def test_readme_examples_run(capsys):
    variables = {}
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        exec(code, variables)

    printed = capsys.readouterr().out
    assert float(re.search(r"accuracy ([\d.]+)", printed)[1]) > 0.95
    assert "cause: bias-averaged" in printed


def test_readme_and_ci_give_the_same_test_command():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    command = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest\n"

    assert command in readme
    assert command in ci


@pytest.mark.parametrize("name", oracle.__all__)
def test_every_public_name_of_the_oracle_is_documented(name):
    public = getattr(oracle, name)
    if not (isinstance(public, type) and issubclass(public, Exception)):
        assert ">>>" in public.__doc__ or name == "Verdict"  # never constructed by users
        assert "docs/check.md" in public.__doc__


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_work(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        assert link.startswith("https://") or (ROOT / link).exists(), link
