"""Drawings: what can be drawn, saved and shown in a notebook; what is refused."""

import os
import shutil
import sys

import numpy as np
import pytest

from handgrad import init_params
from handgrad.graph import Drawing, Variable, draw, network_loss, variables

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="dot, of Graphviz, is not installed")


def network(*sizes, activation=None, N=5):
    rng = np.random.default_rng(0)
    params = variables(init_params(sizes, rng=rng))
    X = Variable(rng.standard_normal((N, sizes[0])), "X")
    return network_loss(params, X, rng.integers(0, sizes[-1], N), 0.1, activation=activation)


@pytest.fixture
def tiny():
    x, y = Variable(3.0, "x"), Variable(2.0, "y")
    return x * y + x


def test_what_is_no_variable_is_refused():
    with pytest.raises(TypeError, match="output must be a Variable, got float"):
        draw(3.0)


def test_an_array_that_has_changed_since_is_refused():
    a = np.ones(3)
    J = np.sum(Variable(a, "x") ** 2)
    a[0] = 5

    with pytest.raises(ValueError, match=r"x of shape .* was changed in place"):
        draw(J)


def test_the_picture_is_of_the_moment_and_drawing_changes_nothing(tiny):
    first = draw(tiny)
    tiny.name = "J"

    assert "gradients of the output" in first.dot
    assert "gradients of J" in draw(tiny).dot
    assert draw(tiny).dot == draw(tiny).dot


def test_two_layers_have_nothing_to_fold():
    assert draw(network(4, 10, 3), fold=True).dot == draw(network(4, 10, 3)).dot


# saving and showing
@needs_dot
@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".PDF", b"%PDF")])
def test_it_is_rendered_by_the_files_suffix(tiny, tmp_path, suffix, start):
    path = tmp_path / f"net{suffix}"
    draw(tiny).save(path)

    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


def test_text_needs_neither_graphviz_nor_dot(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.setenv("PATH", "")
    drawing = draw(tiny)

    for name, text in [
        *[("a.dot", drawing.dot), ("a.gv", drawing.dot), ("a.mmd", drawing.mermaid)],
        ("a.md", f"```mermaid\n{drawing.mermaid}```\n"),
    ]:
        drawing.save(str(tmp_path / name))
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert str(drawing) == drawing.mermaid.rstrip()


@pytest.mark.parametrize("name", ["net", "net.gif", "net.svg.bak"])
def test_another_suffix_is_refused_by_name_with_those_that_are_right(tiny, tmp_path, name):
    with pytest.raises(ValueError, match=rf"\.svg, \.png, \.pdf, \.dot, \.gv, \.mmd, \.md, got .*{name}"):
        draw(tiny).save(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no directory .*none to save net\.mmd in"):
        draw(tiny).save(tmp_path / "none" / "net.mmd")


def test_a_run_that_fails_leaves_the_old_file_and_no_other(tiny, tmp_path, monkeypatch):
    path = tmp_path / "net.mmd"
    path.write_text("old")

    def full(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        draw(tiny).save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["net.mmd"]


def test_without_the_package_the_extra_is_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    with pytest.raises(ImportError, match=r"pip install 'handgrad\[draw\]'"):
        draw(tiny).save(tmp_path / "net.svg")
    assert os.listdir(tmp_path) == []


def test_without_dot_the_command_that_installs_it_is_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(OSError, match=r"apt-get install graphviz, or brew install graphviz"):
        draw(tiny).save(tmp_path / "net.svg")
    assert os.listdir(tmp_path) == []


def test_when_dot_fails_its_message_is_passed_on(tiny, tmp_path, monkeypatch):
    (tmp_path / "dot").write_text("#!/bin/sh\necho 'no such format' >&2\nexit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(OSError, match=r"dot could not render \.png: no such format"):
        draw(tiny).save(tmp_path / "net.png")
    assert os.listdir(tmp_path) == ["dot"]


@needs_dot
def test_a_notebook_shows_the_picture(tiny):
    bundle = draw(tiny)._repr_mimebundle_(include=None, exclude=None)

    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"].rstrip().endswith("</svg>")


@pytest.mark.parametrize("missing", ["package", "program"])
def test_a_notebook_without_graphviz_shows_mermaid_and_never_fails(tiny, tmp_path, monkeypatch, missing):
    if missing == "package":
        monkeypatch.setitem(sys.modules, "graphviz", None)
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    drawing = draw(tiny)

    assert drawing._repr_mimebundle_() == {
        "text/markdown": f"```mermaid\n{drawing.mermaid}```\n",
        "text/plain": str(drawing),
    }
    assert isinstance(drawing, Drawing)
