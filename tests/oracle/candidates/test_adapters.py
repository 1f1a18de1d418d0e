"""Code with another calling convention is adapted, not rewritten; wrong code stays wrong."""

from collections import namedtuple
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import oracle
from handgrad import gelu, two_layer
from oracle import reference
from oracle.candidates.adapters import as_rule
from oracle.checks.evaluation import Evaluator
from oracle.strategies.rules import RuleProblem

right = two_layer.loss_and_grad
Gradients = namedtuple("Gradients", "b1 b2 W1 W2")


def listed(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, list(grads.values())


def backwards(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, list(grads.values())[::-1]


def named(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, Gradients(**grads)


def attributes(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, SimpleNamespace(**{f"grad_{name}": g for name, g in grads.items()})


def with_d(params, X, y, reg):
    loss, grads = right(params, X, y, reg)
    return loss, {f"d{name}": g for name, g in grads.items()}


def wants_one_hot(params, X, Y, reg):
    assert Y.shape == (len(X), len(params["b2"]))
    return right(params, X, np.argmax(Y, axis=1), reg)


def wants_rows_of_units(params, X, y, reg):
    assert params["W1"].shape == (len(params["b1"]), X.shape[1])
    loss, grads = right({k: a.T if a.ndim == 2 else a for k, a in params.items()}, X, y, reg)
    return loss, {k: g.T.copy() if g.ndim == 2 else g for k, g in grads.items()}


ADAPTED = {
    "a list in the order of the parameters": oracle.adapt(listed),
    "a list in another order": oracle.adapt(backwards, gradients=["b2", "W2", "b1", "W1"]),
    "a named tuple": oracle.adapt(named),
    "attributes": oracle.adapt(attributes, gradients={name: f"grad_{name}" for name in ("W1", "b1", "W2", "b2")}),
    "other keys": oracle.adapt(with_d, gradients={name: f"d{name}" for name in ("W1", "b1", "W2", "b2")}),
    "one-hot labels": oracle.adapt(wants_one_hot, one_hot=True),
    "weights (H, D)": oracle.adapt(wants_rows_of_units, transposed=True),
}


@pytest.mark.parametrize("name", ADAPTED)
def test_an_adapted_candidate_is_right(name):
    verdict = oracle.check(ADAPTED[name], "two_layer", examples=30)

    assert verdict.ok, str(verdict)


def test_an_adapted_mistake_is_named():
    def sums(params, X, y, reg):
        _, grads = listed(params, X, y, 0.0)
        return two_layer.loss(params, X, y, reg), [len(X) * g for g in grads]

    verdict = oracle.check(oracle.adapt(sums), "two_layer")

    assert verdict.causes == ("mean-missing", "l2-missing")


def test_an_argument_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match="f must be callable, got int"):
        oracle.adapt(3)


def custom_loss(half):
    @jax.custom_vjp
    def loss(params, X, y, reg):
        return reference.NETWORKS["two_layer"].loss(params, X, y, reg)

    def forward(params, X, y, reg):
        value, vjp = jax.vjp(lambda p: loss(p, X, y, reg), params)
        return value, vjp

    def backward(kept, dloss):
        (grads,) = kept(dloss * half)
        return grads, None, None, None

    loss.defvjp(forward, backward)
    return loss


def rule_of(factor):
    @jax.custom_vjp
    def rule(z):
        return jnp.maximum(z, 0)

    rule.defvjp(lambda z: (jnp.maximum(z, 0), z), lambda z, dh: (factor * dh * (z > 0),))
    return rule


def test_a_function_that_jax_computes_less_exactly_than_numpy_is_no_mistake_of_the_rules():
    # XLA's log1p is up to 129 units off between -0.414 and -0.293, on a CPU, in jaxlib 0.10.2
    def rule(slope):
        @jax.custom_vjp
        def log1p(x):
            return jnp.log1p(x)

        log1p.defvjp(lambda x: (jnp.log1p(x), x), lambda x, dz: (dz * slope(x),))
        return log1p

    x = np.linspace(-0.414, -0.36, 12).reshape(3, 4)
    problem = RuleProblem("log1p", (x,), {}, np.ones_like(x))
    assert not np.allclose(jnp.log1p(x), np.log1p(x), rtol=1e-14, atol=0)

    def wrong_in(slope):
        return [c.name for c in Evaluator(as_rule(rule(slope)), time_limit=60)(problem).wrong]

    assert wrong_in(lambda x: 1 / (1 + x)) == []
    assert wrong_in(lambda x: 1 / x) == ["dx"]  # the value is what JAX gives, though exact arithmetic was asked, too


def test_a_custom_vjp_is_taken_as_it_is():
    right, wrong = (oracle.check_rule(rule_of(f), "relu", examples=12, time_limit=60) for f in (1.0, -1.0))  # compiles

    assert right.ok, str(right)
    assert wrong.causes == ("sign-flipped",)


def test_a_function_of_torch_is_taken_as_it_is():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Gelu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            h, ctx.pullback = gelu(z.detach().numpy())
            return torch.tensor(h)

        @staticmethod
        def backward(ctx, dh):
            return torch.tensor(2 * ctx.pullback(dh.numpy())[0])

    verdict = oracle.check_rule(Gelu, "gelu", examples=60)

    assert verdict.causes == ("factor-wrong",)


def test_a_rule_of_your_own_is_checked_against_any_function():
    def my_square(x):
        return x * x, lambda dy: (dy * x,)

    verdict = oracle.check_rule(my_square, lambda x: jnp.square(x), np.ones((3, 2)), examples=30)

    assert verdict.causes == ("factor-wrong",)
    assert oracle.check_rule(lambda x: (x * x, lambda dy: (2 * dy * x,)), jnp.square, np.ones(4), examples=30).ok


def test_arrays_of_another_library_are_compared_as_they_are():
    value_and_grad = jax.jit(jax.value_and_grad(reference.NETWORKS["two_layer"].loss))

    def differentiated(params, X, y, reg):
        return value_and_grad(params, X.astype(float), y.astype(int), reg)

    of_one_shape = oracle.problems("two_layer", dtype=np.float64).filter(lambda p: len(p.X) == p.X.shape[1] == 1)

    assert oracle.check(differentiated, "two_layer", problems=of_one_shape, examples=10, time_limit=60).ok  # compiles
