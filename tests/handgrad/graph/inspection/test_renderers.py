"""Drawings as DOT, which Graphviz reads, and as Mermaid."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from handgrad import init_params
from handgrad.graph import Variable, draw, network_loss, variables
from handgrad.graph.inspection.diagram import picture
from handgrad.graph.inspection.renderers import (
    _BACKWARD,
    _BACKWARD_WITHIN,
    _FILLS,
    _FORWARD,
    _FORWARD_WITHIN,
    _MUTED,
    _TEXT,
)

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="dot, of Graphviz, is not installed")


def network(*sizes, activation=None, N=5):
    rng = np.random.default_rng(0)
    params = variables(init_params(sizes, rng=rng))
    X = Variable(rng.standard_normal((N, sizes[0])), "X")
    return network_loss(params, X, rng.integers(0, sizes[-1], N), 0.1, activation=activation)


def shown(output, *, gradients=True, cotangent=None, values=True, fold=False):
    """Return what is drawn, before it is put into a notation."""
    return picture(output, gradients, cotangent, values, fold)


def laid_out(drawing):
    """Return Graphviz's own reading of a drawing; it complains of nothing."""
    done = subprocess.run(["dot", "-Tjson"], input=drawing.dot, capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture
def tiny():
    x, y = Variable(3.0, "x"), Variable(2.0, "y")
    return x * y + x


@pytest.mark.parametrize("notation", ["dot", "mermaid"])
def test_both_notations_have_every_name_of_the_two_layer_network(notation):
    text = getattr(draw(network(4, 10, 3)), notation)

    for name in ["X", "W1", "b1", "W2", "b2", "@", "ReLU", "softmax loss", "penalty", "z1", "h1", "s", "L", "R", "J"]:
        assert re.search(rf"[<>\"]{name}[ <\"]", text), name


def test_arguments_that_cannot_be_swapped_keep_their_order_from_top_to_bottom():
    x, y = Variable(3.0, "x"), Variable(2.0, "y")

    assert "ordering=in" in draw(x - y).dot
    assert "ordering=in" not in draw(x + y).dot


def test_values_and_gradients_can_each_be_left_out(tiny):
    for text in (draw(tiny, gradients=False).dot, draw(tiny, gradients=False).mermaid):
        assert _BACKWARD not in text
    without_values = shown(tiny, values=False)
    assert {a.value for a in without_values.arrows} == {""}
    assert {a.gradient for a in without_values.arrows} == {"1", "2", "3"}

    bare = draw(tiny, gradients=False, values=False)
    assert re.findall(r"n\d -> n\d", bare.dot) == ["n0 -> n2", "n1 -> n2", "n2 -> n3", "n0 -> n3"]
    assert "gradients of" not in bare.dot
    assert "values" not in bare.dot


@needs_dot
def test_a_name_of_blanks_or_nothing_is_drawn(tiny):
    for name in (" ", "", "\n"):
        tiny.name = name
        laid_out(draw(tiny))


WEIRD = 'a"b<c>|d&e#f`g\\N {x} [y] (z) ;%\nline é ∂ -- end'


@needs_dot
@pytest.mark.parametrize("fold", [False, True])
def test_dot_accepts_the_picture_and_reads_each_node_and_arrow(fold):
    loss = network(4, *[10] * 6, 3)
    graph, drawn = laid_out(draw(loss, fold=fold)), shown(loss, fold=fold)

    assert sum(node["name"].startswith("n") for node in graph["objects"]) == len(drawn.nodes)
    assert len(graph["edges"]) == 4 * len(drawn.arrows)  # to its text and on, forward and back
    dashed = [edge for edge in graph["edges"] if edge.get("style") == "dashed"]
    assert {edge["color"] for edge in dashed} == {_BACKWARD}
    assert len(dashed) == 2 * len(drawn.arrows)
    assert graph["bgcolor"] == "transparent"


@needs_dot
def test_a_name_may_have_any_characters(tiny):
    tiny.name = WEIRD
    svg = draw(tiny)._repr_mimebundle_()["image/svg+xml"]

    laid_out(draw(tiny))
    lines = [html.unescape(text) for text in re.findall(r"<text.*?>(.*?)</text>", svg)]
    first, second = WEIRD.split("\n")
    assert lines.count(first) == 1
    assert lines.count(f"← gradients of {first}") == 1
    assert lines.count(second) == 2


@needs_dot
def test_characters_that_no_picture_can_show_are_replaced(tiny):
    tiny.name = "nul \0 escape \x1b half \ud800 tab \t bell"

    assert "nul � escape � half � tab � bell" in draw(tiny).dot
    laid_out(draw(tiny))


def test_mermaid_has_in_quotes_what_it_could_take_for_its_own(tiny):
    tiny.name = WEIRD
    text = draw(tiny).mermaid

    label = "a#34;b#60;c#62;|d#38;e#35;f#96;g#92;N {x} [y] (z) ;%<br/>line é ∂ -- end"
    assert f'"+<br/>{label}<br/>9<br/>1"' in text
    assert all(line.count('"') in (0, 2) for line in text.splitlines()[1:])


def test_mermaid_has_a_line_for_each_arrow_and_colours_it():
    drawn = shown(loss := network(4, 10, 3))
    lines = draw(loss).mermaid.splitlines()

    links = [line for line in lines if re.match(r"  n\d+ (-->|<-\.->)", line)]
    assert len(links) == 2 * len(drawn.arrows)
    forward, back = ([int(i) for i in line.split()[1].split(",")] for line in lines if line.startswith("  linkStyle "))
    assert all("-->" in links[i] for i in forward)
    assert all("<-.->" in links[i] for i in back)
    assert sorted(forward + back) == list(range(len(links)))


def luminance(color):
    r, g, b = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (r, g, b))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
@pytest.mark.parametrize("color", [_FORWARD, _BACKWARD, _MUTED])
def test_lines_can_be_seen_on_white_and_on_nearly_black(color, page):
    assert contrast(color, page) >= 4  # of white and #111 no colour is further from both than 4.35


@pytest.mark.parametrize("fill", [*_FILLS.values(), "#f2f4f7"])
@pytest.mark.parametrize("color", [_TEXT, _FORWARD_WITHIN, _BACKWARD_WITHIN])
def test_text_can_be_read_on_its_node(color, fill):
    assert contrast(color, fill) >= 4.5  # what the web's accessibility guidelines ask of text
