"""Every kind of array gives NumPy's answers, as arrays of that kind on their device; two kinds at once are refused."""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, given, settings

from handgrad import NETWORKS, RULES, affine, graph, init_params, relu, softmax_cross_entropy, two_layer
from handgrad.arrays import namespace
from handgrad.rules import sum as sum_rule
from handgrad.rules import where
from handgrad.training.optimizers import adagrad, adam, adamw, apply_updates, exponential_decay, rmsprop, sgd
from oracle.checks.evaluation import evaluate
from oracle.reference.recording import Step
from oracle.strategies.expressions import expression_problems
from oracle.strategies.networks import network_problems
from oracle.strategies.rules import rule_problems

jax.config.update("jax_enable_x64", True)


@dataclass(frozen=True)
class Kind:
    """A kind of array: how NumPy's become such, what type and device they then have, and how they come back."""

    put: Callable[[Any], Any]
    back: Callable[[Any], Any]
    #: What refusals call it.
    name: str
    jit: bool = False
    #: Of how many problems that NumPy is given one is computed here: JAX compiles each shape anew.
    of: int = 12

    def place(self, a):
        return type(a), None if self.jit else a.device


def strict():
    device = array_api_strict.Device("device1")  # NumPy cannot read what is there
    return Kind(
        lambda a: array_api_strict.asarray(np.ascontiguousarray(a).reshape(a.shape), device=device, copy=True),
        lambda a: np.asarray(a.to_device(array_api_strict.Device("CPU_DEVICE"))),
        "array_api_strict",
    )


def jax_on(platform, jit=False):
    try:
        device = jax.devices(platform)[0]
    except RuntimeError as error:
        pytest.skip(f"JAX finds no {platform}: {error}")
    if platform == "gpu":  # where products of float32 are else rounded to 10 bits
        jax.config.update("jax_default_matmul_precision", "highest")
    return Kind(lambda a: jax.device_put(a, device), np.array, "jax.numpy", jit, of=30)


def torch_on(device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("array_api_compat", reason="array-api-compat is not installed")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("PyTorch finds no GPU")

    def put(a):  # on the CPU the very memory, so that a result that shares it is noticed
        shared = a.flags.writeable and all(stride >= 0 for stride in a.strides)
        return torch.from_numpy(a if shared else a.copy()).to(device)

    return Kind(put, lambda a: a.cpu().numpy(), "torch")


def cupy():
    module = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        module.cuda.runtime.getDeviceCount()
    except module.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"CuPy finds no GPU: {error}")
    return Kind(module.asarray, module.asnumpy, "cupy")


NUMPY = Kind(np.array, np.array, "numpy")
KINDS = {
    "array_api_strict": strict,
    "jax": functools.partial(jax_on, "cpu"),
    "jax.jit": functools.partial(jax_on, "cpu", jit=True),
    "torch": functools.partial(torch_on, "cpu"),
}
ON_GPU = {
    "jax on a GPU": functools.partial(jax_on, "gpu"),
    "jax.jit on a GPU": functools.partial(jax_on, "gpu", jit=True),
    "torch on a GPU": functools.partial(torch_on, "cuda"),
    "cupy": cupy,
}


def params_of(kinds):
    return [pytest.param(kinds[k], id=k, marks=pytest.mark.gpu if k in ON_GPU else ()) for k in kinds]


@pytest.fixture(scope="module", params=params_of(KINDS | ON_GPU))
def kind(request):
    return request.param()


@pytest.fixture(scope="module", params=params_of({k: v for k, v in (KINDS | ON_GPU).items() if "jit" not in k}))
def eager(request):
    return request.param()


@pytest.fixture
def torch():
    torch_on("cpu")
    return sys.modules["torch"]


def put(kind, tree):
    """Return a tree with its NumPy arrays of a kind; under jax.jit those within an index, which is static, stay."""
    moved = functools.partial(put, kind)
    if isinstance(tree, np.ndarray | np.bool_):
        return kind.put(np.asarray(tree))
    if isinstance(tree, dict):
        static = {"index"} if kind.jit and not isinstance(tree.get("index"), np.ndarray) else {}
        return {key: a if key in static else moved(a) for key, a in tree.items()}
    if isinstance(tree, Step):
        return replace(tree, kwargs=moved(tree.kwargs))
    return tuple(map(moved, tree)) if isinstance(tree, tuple) else tree


def put_problem(kind, problem):
    return replace(problem, **{f.name: put(kind, getattr(problem, f.name)) for f in fields(problem)})


def answer_of(kind):
    """Return what evaluate() takes: handgrad's answers, computed on a kind of array and brought back."""

    def answer(problem):
        moved = put_problem(kind, problem)
        found = answers_under_jit(moved) if kind.jit else moved.answers()
        expected = kind.place(kind.put(np.ones(1)))
        assert {name: kind.place(a) for name, a in found.items()} == dict.fromkeys(found, expected)
        return {name: kind.back(a) for name, a in found.items()}

    return answer


def answers_under_jit(problem):
    """Return the answers with all arrays and reg traced."""
    contents = {f.name: getattr(problem, f.name) for f in fields(problem)}
    paths, structure = jax.tree.flatten_with_path(contents, is_leaf=lambda a: a is None)
    leaves = [a for _, a in paths]
    traced = {
        i: a
        for i, (path, a) in enumerate(paths)
        if isinstance(a, jax.Array) or path[-1] == jax.tree_util.DictKey("reg")
    }

    @jax.jit
    def run(traced):
        given = jax.tree.unflatten(structure, [traced.get(i, a) for i, a in enumerate(leaves)])
        return type(problem)(**given).answers()

    return run(traced)


def check(kind, problems):
    """Examine a few problems on a kind of array, as all are examined on NumPy's."""

    # not shrunk: each smaller problem would be compiled, too
    @settings(max_examples=max(1, settings().max_examples // kind.of), phases=set(Phase) - {Phase.shrink})
    @given(problems)
    def run(problem):
        evaluation = evaluate(problem, answer_of(kind))

        assert not evaluation.failures

    run()


@pytest.mark.parametrize("name", RULES)
def test_rules_give_numpys_answers_on_every_kind_of_array(kind, name):
    check(kind, rule_problems(name))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_numpys_answers_on_every_kind_of_array(kind, name):
    check(kind, network_problems(name))


@pytest.mark.parametrize("second", [False, True], ids=["first derivatives", "second derivatives"])
def test_the_graph_gives_numpys_answers_on_every_kind_of_array(kind, second):
    check(kind, expression_problems(second=second))


def small(kind):
    """Return the parameters of a two-layer network, data and labels, of a kind."""
    rng = np.random.default_rng(0)
    params = init_params([4, 6, 3], rng=rng)
    X, y = rng.standard_normal((5, 4)), np.array([0, 2, 1, 2, 0])
    return tuple(put(kind, a) for a in (params, X, y))


#: What meets what, given the same of two kinds.
MEETINGS = {
    "arguments of a rule": lambda a, b: affine(a[1], b[0]["W1"], b[0]["b1"]),
    "scores and labels": lambda a, b: softmax_cross_entropy(a[1], labels=b[2]),
    "x and a condition": lambda a, b: where(a[1], a[1], condition=b[1] > 0),
    "parameters": lambda a, b: two_layer.loss_and_grad({**a[0], "b2": b[0]["b2"]}, a[1], a[2]),
    "parameters and X": lambda a, b: two_layer.loss_and_grad(a[0], b[1], a[2]),
    "parameters and y": lambda a, b: two_layer.loss(a[0], a[1], b[2]),
    "parameters and a direction": lambda a, b: two_layer.hvp(a[0], b[0], a[1], a[2]),
    "parameters and gradients": lambda a, b: sgd(0.1).update(b[0], sgd(0.1).init(a[0]), a[0]),
    "parameters and a state": lambda a, b: adam(0.1).update(a[0], adam(0.1).init(b[0]), a[0]),
    "parameters and updates": lambda a, b: apply_updates(a[0], b[0]),
    "Variables": lambda a, b: graph.Variable(a[1]) * graph.Variable(b[1]),
    "Variables and arrays": lambda a, b: graph.apply(RULES["multiply"], graph.Variable(a[1]), b[1]),
    "Variables and integers": lambda a, b: graph.apply(RULES["multiply"], graph.Variable(a[1][:, 0]), b[2]),
    "an output and its cotangent": lambda a, b: graph.gradients(x := graph.Variable(a[1]), x, cotangent=b[1]),
}


@pytest.mark.parametrize("meeting", MEETINGS)
@pytest.mark.parametrize("swapped", [False, True], ids=["numpy second", "numpy first"])
def test_two_kinds_of_arrays_that_meet_are_refused_and_named(eager, meeting, swapped):
    a, b = small(eager), small(NUMPY)
    if swapped:
        a, b = b, a

    with pytest.raises(TypeError) as refusal:
        MEETINGS[meeting](a, b)

    assert eager.name in str(refusal.value)
    assert "numpy" in str(refusal.value).replace("jax.numpy", "")


@pytest.mark.parametrize("wrong", [np.array([1, 2]), np.array([True]), np.array([1j])], ids=["int", "bool", "complex"])
def test_what_is_not_real_floating_is_refused_in_every_kind(eager, wrong):
    params, X, y = small(eager)

    with pytest.raises(TypeError, match=r"argument must be a real floating array, got dtype .*(int|bool|complex)"):
        relu(eager.put(wrong))
    if wrong.dtype.kind != "i":
        with pytest.raises(TypeError, match="labels must be integers, got dtype"):
            softmax_cross_entropy(X, labels=eager.put(np.resize(wrong, 5)))
    if wrong.dtype.kind == "c":
        with pytest.raises(TypeError, match="X must be real, got dtype"):
            two_layer.loss(params, eager.put(np.resize(wrong, (5, 4))), y)


def test_labels_out_of_range_are_refused_in_every_kind(eager):
    _, X, _ = small(eager)

    for label in (-1, 4):
        with pytest.raises(ValueError, match=rf"labels must be in \[0, 4\), got {label}"):
            softmax_cross_entropy(X, labels=eager.put(np.array([0, 0, label, 0, 0])))


def test_what_is_not_finite_is_named_in_every_kind(eager):
    params, X, y = small(eager)
    params["W2"] = eager.put(np.where(np.arange(18).reshape(6, 3) == 7, np.inf, 1.0))

    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match=r"W2 must be finite, got W2\[2, 1\] = inf"),
    ):
        two_layer.loss_and_grad(params, X, y)


def test_numpys_functions_on_variables_stay_in_their_kind(eager):
    x = graph.Variable(eager.put(np.array([[1.0, -2.0, 3.0]])))

    y = np.expand_dims(np.squeeze(np.where(x > 0, x, 0.5 * x)), 1)
    (dx,) = graph.gradients(np.sum(y**2), x)
    without_derivative = [f(x) for f in (np.sign, np.isfinite, np.rint, np.argmax, np.zeros_like)]

    assert {eager.place(a) for a in (dx, *without_derivative)} == {eager.place(x.value)}
    assert np.array_equal(eager.back(dx), [[2, -1, 6]])


def test_numbers_as_cotangents_go_where_the_array_is(eager):
    _, X, y = small(eager)

    for _, backward in (sum_rule(X), softmax_cross_entropy(X, labels=y)):
        (dX,) = backward(1.0)
        assert eager.place(dX) == eager.place(X)


OPTIMIZERS = {
    "sgd": sgd(0.1),
    "sgd with momentum": sgd(exponential_decay(0.1, rate=0.5, every=2), momentum=0.9, nesterov=True),
    "sgd, its rate in float64": sgd(lambda step: 0.1 / jnp.sqrt(jnp.asarray(step + 1, jnp.float64))),
    "adagrad": adagrad(0.1),
    "rmsprop": rmsprop(0.1),
    "adam": adam(exponential_decay(0.1, rate=0.5, every=2)),
    "adamw": adamw(0.1, weight_decay=0.1, mask={"W1": True, "b1": False, "W2": True, "b2": False}),
}
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def step(opt, params, state, X, y):
    _, grads = two_layer.loss_and_grad(params, X, y, 0.1)
    updates, state = opt.update(grads, state, params)
    return apply_updates(params, updates), state


def trained(kind, name, steps=3):
    """Return the parameters after a few steps, and their kind of array's."""
    opt = OPTIMIZERS[name]
    params, X, y = small(kind)
    state = opt.init(params)
    for _ in range(steps):
        params, state = step(opt, params, state, X, y)
    return params


def agree(found, expected):
    """Assert that trajectories of a few steps agree: what rounding makes of them is a few hundred units at most."""
    for name, p in expected.items():
        np.testing.assert_allclose(found[name], p, rtol=512 * np.finfo(p.dtype).eps, atol=64 * np.finfo(p.dtype).eps)


@each_optimizer
def test_optimisers_take_numpys_steps_in_every_kind(eager, name):
    params = trained(eager, name)

    assert {eager.place(p) for p in params.values()} == {eager.place(eager.put(np.ones(1)))}
    agree({key: eager.back(p) for key, p in params.items()}, trained(NUMPY, name))


@each_optimizer
def test_steps_of_an_optimiser_go_through_jax_scan(name):
    opt, dtype = OPTIMIZERS[name], np.float32  # which a number of JAX's own in float64 would widen
    params, X, y = small(NUMPY)
    params = {key: p.astype(dtype) for key, p in params.items()}
    expected, state = params, opt.init(params)
    for _ in range(4):
        expected, state = step(opt, expected, state, X, y)

    @jax.jit
    def descend(params, X, y):
        def one(carry, _):
            return step(opt, *carry, X, y), None

        return jax.lax.scan(one, (params, opt.init(params)), length=4)[0]

    found, state = descend(*jax.tree.map(jnp.asarray, (params, X, y)))

    assert {p.dtype for p in found.values()} == {np.dtype(dtype)}
    assert state["step"] == 4
    agree(found, expected)


def test_adam_counts_its_steps_in_float32_without_cancellation():
    opt, params, grads = adam(0.1), {"w": np.float32([1.0])}, {"w": np.float32([1e-3])}
    expected, _ = opt.update(grads, opt.init(params), params)

    with jax.enable_x64(False):
        found, _ = jax.jit(opt.update)(grads, jax.tree.map(jnp.asarray, opt.init(params)), params)

    np.testing.assert_allclose(found["w"], expected["w"], rtol=16 * np.finfo(np.float32).eps)  # a dozen operations


def test_jax_vmap_over_a_stack_of_parameters_is_the_stack_of_gradients():
    _, X, y = small(NUMPY)
    several = [init_params([4, 6, 3], rng=np.random.default_rng(i)) for i in range(3)]
    stacked = {key: jnp.stack([params[key] for params in several]) for key in several[0]}

    def gradient(params):
        return two_layer.loss_and_grad(params, jnp.asarray(X), jnp.asarray(y), 0.1)

    losses, grads = jax.jit(jax.vmap(gradient))(stacked)

    for i, params in enumerate(several):
        loss, expected = two_layer.loss_and_grad(params, X, y, 0.1)
        np.testing.assert_allclose(losses[i], loss, rtol=1e-14)
        agree({key: g[i] for key, g in grads.items()}, expected)


def test_pytorch_never_goes_through_numpy(torch, monkeypatch):
    kind = torch_on("cpu")
    params, X, y = small(kind)

    def refused(*_, **__):
        raise AssertionError("through NumPy")

    for name in ("numpy", "__array__", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, refused)
    for opt in OPTIMIZERS.values():
        step(opt, params, opt.init(params), X, y)
    graph.value_and_grad(graph.network_loss)(params, X, y, 0.1)


def test_tensors_that_require_a_gradient_are_differentiated_through_by_pytorch(torch):
    params, X, y = small(torch_on("cpu"))
    for p in params.values():
        p.requires_grad_()

    loss, grads = two_layer.loss_and_grad(params, X, y, 0.1)
    by_torch = torch.autograd.grad(loss, list(params.values()))
    with torch.no_grad():
        _, unrecorded = two_layer.loss_and_grad(params, X, y, 0.1)

    agree({key: g.numpy() for key, g in zip(params, by_torch)}, {key: g.detach().numpy() for key, g in grads.items()})
    assert not any(g.requires_grad for g in unrecorded.values())


@pytest.mark.parametrize(
    "index", [slice(None, None, -1), (..., slice(3, 0, -2)), (None, slice(-1, None, -3), 1)], ids=str
)
def test_pytorch_is_indexed_backwards_too(torch, index):
    a = np.arange(20.0).reshape(5, 4)

    z, backward = RULES["getitem"](torch.from_numpy(a), index=index)
    expected, expected_backward = RULES["getitem"](a, index=index)

    assert np.array_equal(z, expected)
    assert np.array_equal(*(b(v)[0] for b, v in ((backward, z), (expected_backward, expected))))


def test_tensors_that_require_a_gradient_are_drawn(torch):
    x = graph.Variable(torch.tensor([1.0, 2.0], requires_grad=True), "x")

    assert '-->|"[1 2]' in graph.draw(x.sum()).mermaid


def test_without_array_api_compat_the_extra_is_named(torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_compat.torch", None)
    namespace._compat_namespace.cache_clear()

    with pytest.raises(ImportError, match=r"arrays of torch need array-api-compat: pip install 'handgrad\[arrays\]'"):
        relu(torch.ones(3))
