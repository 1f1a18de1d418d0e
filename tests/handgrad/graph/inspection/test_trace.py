"""Stepping: the steps of a function and of its gradient, what they keep and hand on, and the table of them."""

import jax
import numpy as np
import pytest

import oracle.reference
from handgrad import RULES, graph, init_params, two_layer
from handgrad.graph import Variable, apply, trace
from handgrad.graph.inspection.trace import formula

rng = np.random.default_rng(0)


def named(steps, name):
    (step,) = (step for step in steps if step.name == name)
    return step


def test_the_networks_steps_are_those_of_its_derivation_in_the_order_of_the_program(network):
    calls = [(step.name, step.operation, step.inputs) for step in network.forward if step.node.rule]

    assert calls == [
        ("v1", "matmul", ("X", "W1")),
        ("z1", "add", ("v1", "b1")),
        ("h1", "relu", ("z1",)),
        ("v2", "matmul", ("h1", "W2")),
        ("s", "add", ("v2", "b2")),
        ("L", "softmax_cross_entropy", ("s",)),
        ("v3", "l2", ("W1",)),
        ("v4", "l2", ("W2",)),
        ("R", "add", ("v3", "v4")),
        ("J", "add", ("L", "R")),
    ]


def test_steps_forward_come_first_and_each_behind_what_went_in(network):
    directions = [step.direction for step in network]
    way = [step.name for step in network.forward]

    assert directions == ["forward"] * 15 + ["backward"] * 14  # backward there is no X, which is not differentiated by
    assert len(network) == 29
    for step in network.forward:
        assert all(way.index(name) < way.index(step.name) for name in step.inputs)


def test_steps_backward_come_behind_all_that_their_node_went_into(network):
    way = [step.name for step in network.backward]

    for step in network.backward:
        assert all(way.index(name) > way.index(step.name) for name in step.outgoing)


def test_leaves_are_inputs_or_constants(network):
    leaves = {step.name: step.operation for step in network.forward if not step.node.rule}

    assert leaves == {"W1": "input", "b1": "input", "W2": "input", "b2": "input", "X": "constant"}


def test_cotangents_at_the_parameters_are_the_gradients_written_out_by_hand(network, problem):
    _, by_hand = two_layer.loss_and_grad(*problem)

    for name, gradient in by_hand.items():
        step = named(network.backward, name)
        assert step.outgoing == {}
        np.testing.assert_allclose(step.incoming, gradient, rtol=1e-13)


def test_what_is_handed_on_adds_up_to_what_comes_in(network):
    for step in network.backward[1:]:
        parts = [other.outgoing[step.name] for other in network.backward if step.name in other.outgoing]
        np.testing.assert_allclose(sum(parts), step.incoming, rtol=1e-15)
        assert step.incoming.shape == step.value.shape
    assert network.backward[0].incoming == 1


def test_values_are_those_of_the_function(network, problem):
    params, X, *_ = problem
    z1 = X @ params["W1"] + params["b1"]

    np.testing.assert_allclose(named(network.forward, "z1").value, z1, rtol=1e-15)
    assert named(network.forward, "J").value == graph.network_loss(*problem)


@pytest.mark.parametrize(
    "name", sorted(oracle.reference.RULES.keys() & {"relu", "tanh", "exp", "l2", "logsumexp", "var"})
)
def test_local_derivative_of_one_input_is_the_jacobian_of_jax(name):
    x = rng.standard_normal((2, 3))
    kwargs = {"l2": {"reg": 0.3}}.get(name, {})

    step = named(trace(lambda x: np.sum(apply(RULES[name], x, **kwargs) ** 2), x).backward, "v1")
    found = step.local_derivative()

    expected = jax.jit(jax.jacobian(lambda x: oracle.reference.RULES[name](x, **kwargs)))(x)
    assert list(found) == ["x"]
    assert found["x"].shape == step.value.shape + x.shape
    np.testing.assert_allclose(found["x"], expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("multiply", (2, 3), (3,)), ("divide", (2, 1), (1, 3)), ("matmul", (2, 4), (4, 3)), ("maximum", (3,), ())],
)
def test_local_derivative_of_two_inputs_is_the_jacobian_of_jax(name, first, second):
    x, y = rng.standard_normal(first), rng.standard_normal(second)

    found = trace(lambda x, y: np.sum(apply(RULES[name], x, y)), x, y).forward[2].local_derivative()

    expected = jax.jit(jax.jacobian(oracle.reference.RULES[name], argnums=(0, 1)))(x, y)
    for d, e in zip((found["x"], found["y"]), expected, strict=True):
        assert d.shape == e.shape
        np.testing.assert_allclose(d, e, rtol=1e-13, atol=1e-15)


def test_incoming_times_local_derivative_is_outgoing(network):
    for step in network.backward:
        for name, jacobian in step.local_derivative().items():
            over = step.incoming.ndim
            np.testing.assert_allclose(
                np.tensordot(step.incoming, jacobian, over), step.outgoing[name], rtol=1e-13, atol=1e-16
            )


def test_an_input_that_went_in_twice_has_the_sum():
    square = named(trace(lambda x: x * x, 3.0).backward, "v1")

    assert square.inputs == ("x", "x")
    assert square.outgoing == {"x": 6}
    assert square.local_derivative() == {"x": 6}


def test_what_a_step_hands_on_is_not_changed_by_what_comes_later():
    x = np.array([1.0, 2.0])
    traced = trace(lambda x: np.sum(x * x) + np.sum(np.exp(x)), x)

    np.testing.assert_array_equal(named(traced.backward, "v1").outgoing["x"], 2 * x)
    np.testing.assert_allclose(named(traced.backward, "v3").outgoing["x"], np.exp(x), rtol=1e-15)


def test_local_derivative_of_too_many_entries_is_refused():
    at_most, more = (trace(lambda x: np.sum(np.exp(x)), np.zeros(n)).steps[1] for n in (100, 101))

    assert at_most.local_derivative()["x"].size == 10_000
    with pytest.raises(ValueError, match=r"at most 10,000 entries, got 10,201: the exp of shape \(101,\)"):
        more.local_derivative()


def test_steps_forward_follow_the_program_where_the_graph_leaves_a_choice():
    def f(x):
        a = x + 1.0
        b = np.exp(a)
        c = np.sqrt(x)
        return c * b  # the sweep has c before a and b

    assert [step.operation for step in trace(f, 4.0).forward] == ["input", "add", "exp", "sqrt", "multiply"]


def test_labels_and_none_are_handed_on_as_they_are():
    seen, y = [], np.array([0, 2, 1])

    def f(x, labels, nothing, how, count):
        seen.extend([labels, nothing, how, count])
        return x * 2.0

    trace(f, 1.0, y, None, "relu", 3)

    assert seen[0] is y
    assert seen[1:] == [None, "relu", 3]


def test_trace_of_a_slope_has_the_operations_of_the_slope():
    slope = graph.value_and_grad(lambda x: x**3)

    traced = trace(lambda x: slope(x)[1], 2.0)

    assert named(traced.backward, "x").incoming == 12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cotangents_and_jacobians_have_the_dtype_of_the_argument(dtype):
    traced = trace(lambda x: np.sum(np.tanh(x) * 2), np.ones(3, dtype))

    for step in traced.backward:
        assert step.incoming.dtype == dtype
        assert all(d.dtype == dtype for d in [*step.outgoing.values(), *step.local_derivative().values()])


def test_the_graph_is_as_before_when_it_was_traced(network, problem):
    step = named(network.backward, "v2")
    cells = [cell.cell_contents for cell in step.node.backward.__closure__]

    assert all(type(a) is np.ndarray for a in cells if isinstance(a, np.ndarray))
    params, X, y, reg = problem
    again = trace(graph.network_loss, params, X=X, y=y, reg=reg)
    assert str(again) == str(network)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_formula(name):
    found = formula(RULES[name])

    assert found
    assert len(found) < 80
    assert not found.endswith((".", ",", ":"))
    assert "pullback" not in found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("multiply", "dx = dz y, dy = dz x"),
        ("matmul", "dx = dz yᵀ and dy = xᵀ dz"),
        ("affine", "dx = dz Wᵀ, dW = xᵀ dz, db = Σₙ dzₙ"),
        ("relu", "dz = dh · slope, slope 1 where z > 0, else 0"),
        ("leaky_relu", "dz = dh · slope, slope 1 where z ≥ 0, else negative_slope"),
        ("expm1", "dx = dz eˣ"),
        ("sum", "dz to each entry"),
        ("var", "dx = dz · 2 (x − x̄) / (n − correction)"),
        ("softmax_cross_entropy", "ds = dL (p − 1[j = y]) / N"),
    ],
)
def test_formula_is_the_rules_own(name, expected):
    assert formula(RULES[name]) == expected


def test_a_rule_of_ones_own_may_have_no_formula():
    def cube(x):
        return x**3, lambda dz: (3 * x**2 * dz,)

    step = trace(lambda x: apply(cube, x), 2.0).backward[0]

    assert step.formula == ""
    assert step.local_derivative() == {"x": 12}


def test_table_has_a_line_for_each_step_and_a_last_one_that_sums_up(network):
    lines = str(network).splitlines()

    assert ["1", "W1", "input"] in [line.split()[:3] for line in lines]
    assert any(line.split()[:3] == ["6", "v1", "matmul(X,"] and "X (160 B), W1 (320 B)" in line for line in lines)
    for i, step in enumerate(network, start=1):
        assert any(line.split()[:2] in ([str(i), step.name], [str(i), f"{step.name}:"]) for line in lines)
    assert "dx = dz yᵀ and dy = xᵀ dz" in str(network)
    assert lines[-1] == "17 arrays, 2,391 B, 9 of them reused; operations: 10 forward, 10 backward"
    assert lines[-3].startswith("kept in all: X, W1, v1, b1, ")


def test_table_is_no_wider_than_an_editor(network, problem):
    params, X, y, reg = problem
    deep = init_params([100, 200, 200, 10], rng=np.random.default_rng(0))
    wide = {name: -p / 1000 for name, p in init_params([2, 4, 4], rng=np.random.default_rng(0)).items()}

    for traced in (
        network,
        trace(graph.network_loss, params, X, y, reg),
        trace(graph.network_loss, deep, rng.standard_normal((5, 100)), y, reg),
        trace(graph.network_loss, wide, rng.standard_normal((1, 2)), y[:1], reg),
        trace(lambda *xs: np.sum(np.concatenate(xs)), *np.split(rng.standard_normal(80), 20)),
    ):
        assert max(map(len, str(traced).splitlines())) <= 120


def test_table_shows_small_arrays_and_of_large_ones_shape_and_norm():
    text = str(trace(lambda x, y: np.sum(x) * np.sum(y), np.array([3.0, 4.0]), np.ones((3, 3))))

    assert "[3, 4]" in text
    assert "(3, 3) ‖·‖ 3" in text


def test_nothing_floating_to_differentiate_by_is_refused():
    with pytest.raises(TypeError, match="a positional argument must be a float or an array of floats, got int, list"):
        trace(lambda n, labels: n, 3, [np.array([0, 2])])


def test_a_result_that_is_no_scalar_is_refused():
    with pytest.raises(ValueError, match=r"the result must be a scalar, got the exp of shape \(3,\): sum it"):
        trace(np.exp, np.ones(3))


@pytest.mark.parametrize("f", [lambda x: 1.0, lambda x: Variable(2.0) * 3.0])
def test_a_result_that_does_not_depend_on_the_arguments_is_refused(f):
    with pytest.raises(ValueError, match="the result must depend on the arguments"):
        trace(f, 1.0)


def test_an_array_that_is_changed_while_it_is_traced_is_refused():
    a = np.ones(3)

    def f(x):
        total = np.sum(x)
        a[0] = 5
        return total

    with pytest.raises(ValueError, match="changed in place"):
        trace(f, a)
