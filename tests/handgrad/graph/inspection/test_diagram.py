"""The content of a drawing: boxes and arrows, folded and not."""

import re

import numpy as np
import pytest

from handgrad import init_params
from handgrad.graph import Variable, apply, draw, gradients, network_loss, variables
from handgrad.graph.inspection.diagram import picture


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


# what is in the picture
@pytest.fixture
def tiny():
    x, y = Variable(3.0, "x"), Variable(2.0, "y")
    return x * y + x


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


def test_a_variable_alone_is_a_picture_too():
    drawn = shown(Variable(3.0, "x"))

    assert (drawn.nodes[0].value, drawn.nodes[0].gradient) == ("3", "1")
    assert drawn.arrows == []


def test_a_gradient_of_what_is_no_scalar_needs_a_cotangent():
    x = Variable(np.array([1.0, 2.0]), "x")
    y = x * x

    with pytest.raises(ValueError, match=r"got the multiply of shape \(2,\): pass cotangent=.* or .*gradients=False"):
        draw(y)
    drawn = shown(y, cotangent=np.array([1.0, 5.0]))
    assert [a.gradient for a in drawn.arrows] == ["[1 10]"] * 2
    assert drawn.of == "J"


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


def test_a_constant_that_each_repetition_reads_is_one_array():
    h, mask = Variable(np.ones(3), "h"), np.array([1.0, 0.0, 1.0])
    for _ in range(4):
        h = np.tanh(h) * mask
    drawn = shown(np.sum(h) + np.sum(h * mask), fold=True)

    assert sum(node.title == "array" for node in drawn.nodes) == 1


def test_an_exponent_that_stood_in_the_program_is_not_asked_for_its_gradient():
    x = Variable(np.array([-1.5, 1.0]), "x")

    drawn = draw(np.sum(x**2.0)).mermaid  # by the exponent it would be a logarithm of negative numbers

    assert '"[-3 2]"' in drawn
    assert "nan" not in drawn
