"""The rules as custom backward passes: JAX's and PyTorch's own checks of gradients pass, and the tails are exact."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, find, settings
from jax.test_util import check_grads

import oracle
from handgrad import (
    ACTIVATIONS,
    RULES,
    affine,
    as_autograd_function,
    as_custom_vjp,
    relu,
    sigmoid,
    softmax_cross_entropy,
)
from handgrad.rules import concatenate, getitem, leaky_relu
from handgrad.rules import sum as sum_rule
from oracle.strategies.rules import rule_problems

jax.config.update("jax_enable_x64", True)

each_rule = pytest.mark.parametrize("name", RULES)


@pytest.fixture
def torch():
    pytest.importorskip("array_api_compat", reason="array-api-compat is not installed")
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@functools.cache
def away_from_kinks(name):
    """Return arguments and options of a rule near which it has no kink: no entries are equal, none is 0 or ±1."""
    problem = find(
        rule_problems(name, np.float64),
        lambda p: 1 < sum(a.size for a in p.args) < 30 and p.kwargs.get("reg", 1) == 1,
        settings=settings(max_examples=1000, database=None, phases=[Phase.generate]),
    )
    sizes = [a.size for a in problem.args]
    entries = np.random.default_rng(0).permutation(0.31 + 1.9 * np.arange(sum(sizes)) / sum(sizes))
    assert np.abs(entries - 1).min() > 1e-3
    if name in ACTIVATIONS:  # the others have half-lines for domains
        entries[::2] *= -1
    parts = np.split(entries, np.cumsum(sizes)[:-1])
    return tuple(e.reshape(a.shape) for e, a in zip(parts, problem.args)), problem.kwargs


@each_rule
def test_jax_checks_the_gradient_of_every_rule(name):
    args, options = away_from_kinks(name)
    f = as_custom_vjp(RULES[name])

    check_grads(jax.jit(lambda *a: f(*a, **options)), args, order=1, modes=["rev"])


@pytest.mark.parametrize("name", ["gelu", "softmax_cross_entropy"])
def test_jax_checks_the_gradient_of_the_gradient(name):
    args, options = away_from_kinks(name)
    f = as_custom_vjp(RULES[name])

    check_grads(jax.jit(lambda *a: f(*a, **options)), args, order=2, modes=["rev"])


def in_torch(torch, tree):
    return jax.tree.map(lambda a: torch.tensor(a) if isinstance(a, np.ndarray) else a, tree)


@each_rule
def test_pytorch_checks_the_gradient_of_every_rule_and_its_gradient(torch, name):
    args, options = in_torch(torch, away_from_kinks(name))
    args = tuple(a.requires_grad_() for a in args)
    F = as_autograd_function(RULES[name])

    def f(*args):
        return F.apply(*args, **options)

    assert torch.autograd.gradcheck(f, args)
    assert torch.autograd.gradgradcheck(f, args)


@pytest.mark.parametrize("name", ["affine", "sigmoid", "leaky_relu", "softmax_cross_entropy"])
def test_the_oracle_finds_them_right(torch, name):
    assert oracle.check_rule(as_autograd_function(RULES[name]), name, examples=5).ok


def test_the_tails_are_exact_in_jax():
    f, ce = as_custom_vjp(sigmoid), as_custom_vjp(softmax_cross_entropy)
    s, y = jnp.array([[60.0, 0.0]]), jnp.array([0])

    assert jax.grad(jax.nn.sigmoid)(60.0) == 0
    np.testing.assert_allclose(jax.grad(f)(60.0), np.exp(-60.0), rtol=1e-15)
    np.testing.assert_allclose(jax.grad(ce)(s, labels=y), np.exp(-60.0) * np.array([[-1, 1]]), rtol=1e-15)


def test_the_tails_are_exact_in_pytorch(torch):
    z, s = torch.tensor([60.0, 60.0], dtype=torch.float64), torch.tensor([[60.0, 0.0]], dtype=torch.float64)
    z.requires_grad_()
    s.requires_grad_()

    by_torch, dz = (torch.autograd.grad(f(z).sum(), z)[0] for f in (torch.sigmoid, as_autograd_function(sigmoid).apply))
    (ds,) = torch.autograd.grad(as_autograd_function(softmax_cross_entropy).apply(s, labels=torch.tensor([0])), s)

    assert torch.all(by_torch == 0)
    np.testing.assert_allclose(dz, np.exp([-60.0, -60.0]), rtol=1e-15)
    np.testing.assert_allclose(ds, np.exp(-60.0) * np.array([[-1, 1]]), rtol=1e-15)


def test_jit_vmap_and_grad_compose_in_any_order():
    f = as_custom_vjp(softmax_cross_entropy)
    rng = np.random.default_rng(0)
    S, Y = jnp.asarray(rng.standard_normal((3, 5, 4))), jnp.asarray(rng.integers(0, 4, (3, 5)))
    expected = np.stack([softmax_cross_entropy(np.array(s), labels=np.array(y))[1](1.0)[0] for s, y in zip(S, Y)])

    for g in (
        jax.vmap(jax.grad(f)),
        jax.jit(jax.vmap(jax.grad(f))),
        jax.vmap(jax.jit(jax.grad(f))),
        jax.grad(lambda S, Y: jax.vmap(f)(S, Y).sum()),
        jax.grad(lambda S, Y: jax.jit(jax.vmap(f))(S, Y).sum()),
        lambda S, Y: jax.lax.map(lambda sy: jax.grad(f)(*sy), (S, Y)),
    ):
        np.testing.assert_allclose(g(S, Y), expected, rtol=1e-13, atol=1e-16)


def test_options_are_static_or_arrays_without_a_gradient_in_jax():
    x = jnp.arange(6.0).reshape(2, 3)
    add_up, pick, beside = (as_custom_vjp(rule) for rule in (sum_rule, getitem, concatenate))

    assert np.array_equal(jax.jit(lambda x: add_up(x, axis=0))(x), x.sum(0))
    assert np.array_equal(add_up(x, 1), x.sum(1))
    assert np.array_equal(jax.jit(add_up, static_argnames="axis")(x, axis=1), x.sum(1))
    assert jax.grad(lambda x, slope: as_custom_vjp(leaky_relu)(x, negative_slope=slope))(-1.0, 0.5) == 0.5
    places = jax.jit(jax.grad(lambda x, i: pick(x, index=(i, slice(1, None))).sum()))(x, jnp.array([1, 1]))
    assert np.array_equal(places, [[0, 0, 0], [0, 2, 2]])
    kept = jax.jit(jax.grad(lambda x: pick(x, index=np.array([True, False])).sum()))(x)  # a mask is static
    assert np.array_equal(kept, [[1, 1, 1], [0, 0, 0]])
    first, second = jax.grad(lambda a, b: (beside(a, b, axis=1) * jnp.arange(6.0)).sum(), argnums=(0, 1))(x, x)
    assert np.array_equal(first + 3, second)


def test_what_jax_has_no_forward_mode_for_it_says_itself():
    with pytest.raises(TypeError, match=r"can't apply forward-mode autodiff \(jvp\) to a custom_vjp function"):
        jax.jvp(as_custom_vjp(relu), (jnp.ones(2),), (jnp.ones(2),))


def test_pytorch_says_which_gradients_a_pullback_computes(torch):
    asked = []

    def noted(x, W, b):
        z, affine_backward = affine(x, W, b)

        def backward(dz, needs=(True, True, True)):
            asked.append(needs)
            return affine_backward(dz, needs=needs)

        return z, backward

    x, W, b = torch.ones(2, 3), torch.ones(3, 4, requires_grad=True), torch.ones(4)
    as_autograd_function(noted).apply(x, W, b).sum().backward()

    assert asked == [(False, True, False)]
    assert torch.equal(W.grad, 2 * torch.ones(3, 4))


def test_pytorch_notices_an_argument_that_changed_on_the_way(torch):
    z = torch.ones(3, requires_grad=True)
    x = 2 * z
    h = as_autograd_function(sigmoid).apply(x)
    x += 1

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        h.sum().backward()


def test_it_trains_in_pytorch_as_handgrad_does(torch):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 4)), rng.integers(0, 3, 8)
    W, b = rng.standard_normal((4, 3)), np.zeros(3)
    layer, loss = as_autograd_function(affine), as_autograd_function(softmax_cross_entropy)
    theirs = [torch.tensor(a, requires_grad=True) for a in (W, b)]
    opt = torch.optim.SGD(theirs, lr=0.5)

    for _ in range(5):
        opt.zero_grad()
        loss.apply(layer.apply(torch.from_numpy(X), *theirs), torch.from_numpy(y)).backward()
        opt.step()
        s, s_backward = affine(X, W, b)
        _, dW, db = s_backward(softmax_cross_entropy(s, labels=y)[1](1.0)[0])
        W, b = W - 0.5 * dW, b - 0.5 * db

    np.testing.assert_allclose(theirs[0].detach(), W, rtol=1e-12)
    np.testing.assert_allclose(theirs[1].detach(), b, rtol=1e-12, atol=1e-15)


WRONG = {
    "no function": (3, (), {}, "rule must be callable, got int"),
    "a plain function": (lambda x: x, (1.0,), {}, "a rule must return a pair: value, backward = <lambda>"),
    "no labels": (softmax_cross_entropy, (np.eye(2),), {}, "missing a required argument: 'labels'"),
    "too many": (softmax_cross_entropy, (np.eye(2), np.array([0, 1]), 0.1), {}, "too many positional arguments"),
    "an unknown option": (sum_rule, (np.eye(2),), {"axes": 0}, "unexpected keyword argument 'axes'"),
    "labels of another dtype": (softmax_cross_entropy, (np.eye(2), np.eye(2)[0]), {}, "labels must be integers"),
    "integers": (relu, (np.array([1, 2]),), {}, "argument must be a real floating array"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_said_in_jax(case):
    rule, args, options, message = WRONG[case]

    with pytest.raises(TypeError, match=message):
        as_custom_vjp(rule)(*args, **options)


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_said_in_pytorch(torch, case):
    rule, args, options, message = WRONG[case]

    with pytest.raises(TypeError, match=message):
        as_autograd_function(rule).apply(*(torch.tensor(a) for a in args), **options)


def test_arrays_that_are_no_tensors_are_refused(torch):
    with pytest.raises(TypeError, match="relu: arguments must be PyTorch tensors, got ndarray"):
        as_autograd_function(relu).apply(np.ones(3))
