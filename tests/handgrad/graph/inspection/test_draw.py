"""The picture: what is in it, folded and not, as text and through Graphviz; what is refused."""

import html
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from handgrad import init_params
from handgrad.graph import Drawing, Variable, apply, draw, gradients, network_loss, variables
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


def labels(drawn):
    """Return the node's lines of text, in order."""
    return [(node.title, *node.details) for node in drawn.nodes]


def arrow(drawn, tail, head):
    """Return the arrow between the first two nodes of these titles."""
    titles = [node.title for node in drawn.nodes]
    (found,) = [a for a in drawn.arrows if (a.tail, a.head) == (titles.index(tail), titles.index(head))]
    return found


def laid_out(drawing):
    """Return Graphviz's own reading of a drawing; it complains of nothing."""
    done = subprocess.run(["dot", "-Tjson"], input=drawing.dot, capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture
def tiny():
    x, y = Variable(3.0, "x"), Variable(2.0, "y")
    return x * y + x


# what is in the picture
def test_the_two_layer_network_has_all_that_the_articles_picture_has():
    drawn = shown(network(4, 10, 3))

    assert sorted(labels(drawn)) == sorted(
        [
            *[("X", "(5, 4)"), ("W1", "(4, 10)"), ("b1", "(10,)"), ("W2", "(10, 3)"), ("b2", "(3,)")],
            *[("@", "(5, 10)"), ("+", "z1 (5, 10)"), ("ReLU", "h1 (5, 10)"), ("@", "(5, 3)"), ("+", "s (5, 3)")],
            *[("softmax loss", "L", "labels (5,)"), ("penalty", "reg=0.1"), ("penalty", "reg=0.1"), ("+", "R")],
            ("+", "J"),
        ]
    )
    lines = [" ".join((node.title, *node.details[:1])) for node in drawn.nodes]
    assert {(lines[a.tail], lines[a.head]) for a in drawn.arrows} == {
        *[("X (5, 4)", "@ (5, 10)"), ("W1 (4, 10)", "@ (5, 10)"), ("@ (5, 10)", "+ z1 (5, 10)")],
        *[("b1 (10,)", "+ z1 (5, 10)"), ("+ z1 (5, 10)", "ReLU h1 (5, 10)"), ("ReLU h1 (5, 10)", "@ (5, 3)")],
        *[("W2 (10, 3)", "@ (5, 3)"), ("@ (5, 3)", "+ s (5, 3)"), ("b2 (3,)", "+ s (5, 3)")],
        *[("+ s (5, 3)", "softmax loss L"), ("softmax loss L", "+ J"), ("+ R", "+ J")],
        *[("W1 (4, 10)", "penalty reg=0.1"), ("W2 (10, 3)", "penalty reg=0.1"), ("penalty reg=0.1", "+ R")],
    }
    assert len(drawn.arrows) == 16
    assert drawn.of == "J"


@pytest.mark.parametrize("notation", ["dot", "mermaid"])
def test_both_notations_have_every_name_of_the_two_layer_network(notation):
    text = getattr(draw(network(4, 10, 3)), notation)

    for name in ["X", "W1", "b1", "W2", "b2", "@", "ReLU", "softmax loss", "penalty", "z1", "h1", "s", "L", "R", "J"]:
        assert re.search(rf"[<>\"]{name}[ <\"]", text), name


def test_an_arrow_carries_its_value_and_its_own_part_of_the_gradient(tiny):
    drawn = shown(tiny)

    assert arrow(drawn, "x", "×")[2:] == ("3", "2")
    assert arrow(drawn, "y", "×")[2:] == ("2", "3")
    assert arrow(drawn, "×", "+")[2:] == ("6", "1")
    assert arrow(drawn, "x", "+")[2:] == ("3", "1")
    nodes = {node.title: node for node in drawn.nodes}
    assert nodes["x"].gradient == "Σ 3"
    assert nodes["y"].gradient == ""
    assert (nodes["+"].value, nodes["+"].gradient) == ("9", "1")


def test_both_uses_in_one_operation_carry_their_own_gradients():
    x = Variable(np.array([1.0, 2.0]), "x")
    drawn = shown(np.sum(x * x))

    assert [a.gradient for a in drawn.arrows if a.tail == 0] == ["[1 2]", "[1 2]"]  # not the sum, [2 4], twice
    assert drawn.nodes[0].gradient == "Σ [2 4]"


def test_the_sums_at_shared_variables_are_the_gradients():
    J = network(2, 3, 2)
    drawn = shown(J)
    W1 = next(v for v in J.parents[1].parents[0].parents)  # J = L + R, R = penalty(W1) + penalty(W2)
    (dW1,) = gradients(J, W1)

    (node,) = [node for node in drawn.nodes if node.title == "W1"]
    found = [float(x) for x in re.findall(r"-?[\d.]+(?:e-?\d+)?", node.gradient)]
    np.testing.assert_allclose(found, np.ravel(dW1), rtol=6e-3)  # three digits are shown


def test_small_arrays_are_shown_whole_and_large_ones_by_their_norm():
    small, large = Variable(np.arange(12.0).reshape(3, 4), "a"), Variable(np.ones(16), "b")
    drawn = shown(np.sum(small) + np.sum(large))

    values = {drawn.nodes[a.tail].title: a.value.replace("\N{NO-BREAK SPACE}", " ") for a in drawn.arrows}
    assert values["a"] == "[0 1  2  3]\n[4 5  6  7]\n[8 9 10 11]"
    assert values["b"] == "‖·‖ 4"


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.arange(5.0), "‖·‖ 5.48"),
        (np.array([-0.0, 1 / 3]), "[0 0.333]"),
        (np.zeros((0, 3)), "[]"),
        (np.full(13, 1e300), "‖·‖ 3.61e+300"),
        (np.full(13, 1e-300), "‖·‖ 3.61e-300"),
        (np.full(13, np.nan), "‖·‖ nan"),
        (np.full(13, np.inf), "‖·‖ inf"),
        (np.zeros(13), "‖·‖ 0"),
    ],
)
def test_any_array_has_a_short_text(array, text):
    drawn = shown(+Variable(array, "a"), gradients=False)

    assert drawn.arrows[0].value.replace("\N{NO-BREAK SPACE}", " ") == text


def test_numbers_are_shown_by_their_value_and_say_nothing_more():
    drawn = shown(Variable(3.0, "x") * 2.5)

    assert [(node.kind, node.title) for node in drawn.nodes] == [
        ("variable", "x"),
        ("number", "2.5"),
        ("operation", "×"),
    ]
    assert arrow(drawn, "2.5", "×")[2:] == ("", "")


def test_variables_without_a_name_are_their_value_or_an_array():
    drawn = shown(Variable(3.0) * np.sum(Variable(np.ones(2))))

    assert sorted(labels(drawn)[:3])[0] == ("3",)
    assert ("array", "(2,)") in labels(drawn)
    assert {node.kind for node in drawn.nodes} == {"variable", "operation"}


def test_a_constant_array_that_is_used_twice_is_drawn_once():
    x, c, other = Variable(np.ones(3), "x"), np.arange(3.0), np.arange(3.0)
    drawn = shown(np.sum((x * c + c) * other))

    arrays = [i for i, node in enumerate(drawn.nodes) if node.title == "array"]
    assert sorted(sum(a.tail == i for a in drawn.arrows) for i in arrays) == [1, 2]
    (shared,) = [node for node in drawn.nodes if node.title == "array" and node.gradient]
    assert shared.gradient == "Σ [0 2 4]"  # other (x + 1)


def test_two_variables_of_one_array_with_names_are_two():
    a = np.ones(3)
    drawn = shown(np.sum(Variable(a, "W") * Variable(a, "V")))

    assert [node.title for node in drawn.nodes][:2] == ["W", "V"]


def test_the_keywords_of_an_operation_are_shown_where_they_are_on():
    x = Variable(np.ones((3, 2)), "x")

    assert labels(shown(x.sum(axis=0, keepdims=True), gradients=False))[1] == ("Σ", "(1, 2)", "axis=0, keepdims=True")
    assert labels(shown(x.sum()))[1] == ("Σ",)
    assert labels(shown(x[1:, 0], gradients=False))[1] == ("[ · ]", "(2,)", "index=(1:, 0)")
    assert labels(shown(x[..., ::2], gradients=False))[1][2] == "index=(…, ::2)"
    assert labels(shown(np.where(np.ones((3, 2), bool), x, 0.5), gradients=False))[2][2] == "condition (3, 2)"


def test_a_rule_of_ones_own_has_its_name():
    def cube_root(x):
        return np.cbrt(x), lambda dy: (dy / (3 * np.cbrt(x) ** 2),)

    drawn = shown(apply(cube_root, Variable(8.0, "x")))

    assert labels(drawn)[1] == ("cube root",)
    assert arrow(drawn, "x", "cube root").gradient == "0.0833"


def test_arguments_that_cannot_be_swapped_keep_their_order_from_top_to_bottom():
    x, y = Variable(3.0, "x"), Variable(2.0, "y")

    assert "ordering=in" in draw(x - y).dot
    assert "ordering=in" not in draw(x + y).dot


def test_a_variable_alone_is_a_picture_too():
    drawn = shown(Variable(3.0, "x"))

    assert (drawn.nodes[0].value, drawn.nodes[0].gradient) == ("3", "1")
    assert drawn.arrows == []


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


def test_a_gradient_of_what_is_no_scalar_needs_a_cotangent():
    x = Variable(np.array([1.0, 2.0]), "x")
    y = x * x

    with pytest.raises(ValueError, match=r"got the multiply of shape \(2,\): pass cotangent=.* or .*gradients=False"):
        draw(y)
    drawn = shown(y, cotangent=np.array([1.0, 5.0]))
    assert [a.gradient for a in drawn.arrows] == ["[1 10]"] * 2
    assert drawn.of == "J"


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


def test_a_deep_chain_is_drawn_without_recursion():
    x = Variable(1.0, "x")
    y = x
    for _ in range(5000):
        y = y + x

    assert len(shown(y).nodes) == 5001


def test_the_graph_of_a_gradient_is_drawn_like_any_other():
    inner = Variable(Variable(2.0), "x")
    (slope,) = gradients(inner**3, inner)  # 3 x², a Variable itself
    drawn = shown(slope)

    assert drawn.nodes[-1].value == "12"
    assert draw(inner**3).dot.count("12")


def test_float32_and_other_libraries_arrays_are_drawn():
    jnp = pytest.importorskip("jax.numpy")

    assert shown(np.sum(Variable(np.float32([1, 2]), "x"))).arrows[0][2:] == ("[1 2]", "[1 1]")
    assert shown(Variable(jnp.asarray([1.0, 2.0]), "x").sum()).arrows[0][2:] == ("[1 2]", "[1 1]")


@needs_dot
def test_a_name_of_blanks_or_nothing_is_drawn(tiny):
    for name in (" ", "", "\n"):
        tiny.name = name
        laid_out(draw(tiny))


# folding
def test_six_layers_that_are_alike_are_one_node():
    drawn = shown(network(4, *[10] * 6, 3, activation=["tanh"] * 6), fold=True)

    repeated = [node for node in drawn.nodes if node.kind == "repetition"]
    assert [(node.title, *node.details) for node in repeated] == [
        ("@ → + → tanh", "× 6", "h1 … h6 (5, 10)"),
        ("penalty → +", "× 6", "… R"),
    ]
    assert [node.title for node in drawn.nodes if node.kind == "variable"] == [
        "W1", "b1 … b6", "W2 … W6", "W7", "b7", "X"
    ]  # fmt: skip
    assert len(drawn.nodes) == 13
    first_and_last = r"‖·‖ [\d.]+ … ‖·‖ [\d.]+"
    assert re.fullmatch(first_and_last, arrow(drawn, "W2 … W6", "@ → + → tanh").value)
    assert re.fullmatch(first_and_last, arrow(drawn, "b1 … b6", "@ → + → tanh").gradient)


def test_shapes_that_differ_are_the_first_and_the_last():
    drawn = shown(network(4, 10, 8, 6, 3, activation=["tanh"] * 3), fold=True)

    assert ("@ → + → tanh", "× 3", "h1 … h3 (5, 10) … (5, 6)") in labels(drawn)
    assert ("W2 … W3", "(10, 8) … (8, 6)") in labels(drawn)


def test_layers_with_other_activations_are_not_folded_together():
    drawn = shown(network(4, *[10] * 6, 3, activation=["tanh"] * 3 + ["sigmoid"] * 3), fold=True)

    assert [node.title for node in drawn.nodes if node.kind == "repetition"][:2] == ["@ → + → tanh", "@ → + → sigmoid"]


def test_layers_with_other_keywords_are_not_folded_together():
    y = Variable(np.ones((4, 4)), "x")
    for axis in (0, 1, 0, 1):
        y = np.exp(y - y.mean(axis=axis, keepdims=True))

    (node,) = [node for node in shown(np.sum(y), fold=True).nodes if node.kind == "repetition"]
    assert node.details[0] == "× 2"


def test_layers_with_a_skip_and_a_normalisation_fold():
    h = Variable(np.random.default_rng(0).standard_normal((3, 4)), "h0")
    for i in range(1, 5):
        n = (h - h.mean(axis=1, keepdims=True)) / np.sqrt(h.var(axis=1, keepdims=True) + 1e-5)
        h = h + np.tanh(n @ Variable(np.eye(4), f"W{i}").T)
    drawn = shown(np.sum(h), fold=True)

    (node,) = [node for node in drawn.nodes if node.kind == "repetition"]
    assert node.details == ("× 4", "(3, 4)")
    assert len(drawn.nodes) == 5  # h0, the layers, the W, the number, the sum
    assert {node.title for node in drawn.nodes if node.kind in ("variable", "number")} == {"h0", "W1 … W4", "1e-05"}


def test_what_is_read_from_within_a_repetition_keeps_its_arrow():
    h = Variable(0.5, "x")
    states = [h := np.tanh(h * 2.0) for _ in range(5)]
    drawn = shown(states[-1] - states[1], fold=True)

    assert [node.title for node in drawn.nodes] == ["x", "2", "× → tanh", "−"]
    assert [a.value for a in drawn.arrows if a.tail == 2] == [f"{float(states[i]):.3g}" for i in (-1, 1)]
    assert [a.gradient for a in drawn.arrows if a.tail == 2] == ["1", "-1"]


@pytest.mark.parametrize("seed", range(20))
def test_a_folded_picture_has_no_cycle_and_every_arrow_goes_forward(seed):
    rng = np.random.default_rng(seed)
    nodes = [Variable(0.5, "x"), Variable(0.25, "y")]
    for _ in range(40):
        a, b = (nodes[-int(rng.integers(1, min(4, len(nodes)) + 1))] for _ in range(2))
        nodes.append((a + b, a * b, np.tanh(a))[rng.integers(3)])
    drawn = shown(nodes[-1], fold=True)

    followers = {i: [a.head for a in drawn.arrows if a.tail == i] for i in range(len(drawn.nodes))}
    while ends := [i for i, heads in followers.items() if not any(head in followers for head in heads)]:
        for i in ends:
            del followers[i]
    assert not followers


def test_the_output_is_no_part_of_a_repetition():
    x = y = Variable(1.0, "x")
    for _ in range(5):
        y = y + x
    y.name = "J"
    drawn = shown(y, fold=True)

    assert labels(drawn)[1:] == [("+", "× 4"), ("+", "J")]
    assert drawn.nodes[-1].value == "6"


def test_two_layers_have_nothing_to_fold():
    assert draw(network(4, 10, 3), fold=True).dot == draw(network(4, 10, 3)).dot


def test_a_constant_that_each_repetition_reads_is_one_array():
    h, mask = Variable(np.ones(3), "h"), np.array([1.0, 0.0, 1.0])
    for _ in range(4):
        h = np.tanh(h) * mask
    drawn = shown(np.sum(h) + np.sum(h * mask), fold=True)

    assert sum(node.title == "array" for node in drawn.nodes) == 1


# the notations
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


def test_when_dot_fails_its_words_are_outgoing(tiny, tmp_path, monkeypatch):
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


def test_an_exponent_that_stood_in_the_program_is_not_asked_for_its_gradient():
    x = Variable(np.array([-1.5, 1.0]), "x")

    drawn = draw(np.sum(x**2.0)).mermaid  # by the exponent it would be a logarithm of negative numbers

    assert '"[-3 2]"' in drawn
    assert "nan" not in drawn
