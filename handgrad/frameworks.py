"""The rules inside JAX and PyTorch: what these differentiate by themselves goes back by hand, accurate in the tails.

Neither library is imported before it is asked for.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.graph.reverse_mode import takes_needs
from handgrad.rules.rule import Rule

__all__ = ["as_autograd_function", "as_custom_vjp"]


def as_custom_vjp(rule: Rule) -> Any:
    """Return a rule as a ``jax.custom_vjp``: a function that gives the value, and that JAX differentiates by hand.

    It takes what the rule takes. JAX transforms it as its own functions: ``jax.grad``, ``jax.jit``, ``jax.vmap`` and
    ``jax.lax.scan``, in any order, and reverse mode as often as one likes. Of forward mode JAX says itself that a
    ``custom_vjp`` has none.

    Parameters
    ----------
    rule : callable
        One of ``handgrad.RULES``, or one of your own: ``value, backward = rule(*args, **options)``, of lines that run
        on JAX arrays.

    Returns
    -------
    jax.custom_vjp
        ``value = f(*args, **options)``. Gradients are those of the positional arguments, float32 or float64 arrays of
        any shape that the rule takes. Options may follow them by position, in their order. Arrays among them
        (``labels``, ``condition``, a traced ``reg``) have no gradient, which is 0 for JAX; all others (``axis``,
        ``shape``, …) are static.

    Raises
    ------
    TypeError
        If the rule is no function; by ``f`` if what it returns is no value with its pullback, if arguments are missing
        or too many, or as the rule does.
    ValueError
        By ``f``, as the rule does. What depends on values, such as the range of labels, JAX does not let it see while
        it traces.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from handgrad import as_custom_vjp, sigmoid
    >>> z = jnp.float32(20.0)
    >>> [f"{jax.grad(f)(z):.5g}" for f in (jax.nn.sigmoid, as_custom_vjp(sigmoid))]
    ['0', '2.0612e-09']

    References
    ----------
    ``docs/guides/frameworks.md``.
    """
    import jax

    sort = _sorting(rule, "as_custom_vjp")

    class RuleInJax(jax.custom_vjp[Any]):
        def __call__(self, *args: Any, **options: Any) -> Any:
            args, options = sort(args, options)
            for name, a in options.items():  # where entries are taken from is as static as a shape
                if isinstance(a, np.ndarray) and name != "index":
                    options[name] = jax.numpy.asarray(a)
            leaves, structure = jax.tree.flatten(options, is_leaf=lambda a: a is None)
            arrays = {i: a for i, a in enumerate(leaves) if isinstance(a, jax.Array)}
            static = {i: a for i, a in enumerate(leaves) if i not in arrays}
            return super().__call__((structure, static), arrays, *args)

    def applied(static: Any, arrays: dict[int, Array], args: tuple[Array, ...]) -> Any:
        structure, leaves = static[0], {**static[1], **arrays}
        args = tuple(map(jax.numpy.asarray, args))  # JAX takes numbers and NumPy's arrays, too
        return _applied(rule, args, jax.tree.unflatten(structure, [leaves[i] for i in range(len(leaves))]))

    def value(static: Any, arrays: dict[int, Array], *args: Array) -> Array:
        return applied(static, arrays, args)[0]

    def forward(static: Any, arrays: dict[int, Array], *args: Array) -> tuple[Array, Any]:
        return value(static, arrays, *args), (arrays, args)

    def backward(static: Any, kept: Any, dvalue: Array) -> tuple[Array | None, ...]:
        _, pullback = applied(static, *kept)  # once more: a closure cannot be kept; jit leaves out what is not needed
        return None, *pullback(dvalue)

    f = RuleInJax(value, nondiff_argnums=(0,))
    f.defvjp(forward, backward)
    return functools.update_wrapper(f, rule)


def as_autograd_function(rule: Rule) -> Any:
    """Return a rule as a ``torch.autograd.Function``, whose ``apply`` PyTorch differentiates by hand.

    Parameters
    ----------
    rule : callable
        One of ``handgrad.RULES``, or one of your own: ``value, backward = rule(*args, **options)``, of lines that run
        on PyTorch's tensors.

    Returns
    -------
    subclass of torch.autograd.Function
        ``value = F.apply(*args, **options)``, which takes what the rule takes; options may follow the arguments by
        position, in their order. Gradients are those of the positional arguments, float32 or float64 tensors on one
        device, and only those that PyTorch asks for; options have none. Gradients of gradients are PyTorch's, of the
        operations that the pullback is made of.

    Raises
    ------
    TypeError
        If the rule is no function; by ``apply`` if what it returns is no value with its pullback, if arguments are
        missing or too many, or as the rule does.
    ValueError
        By ``apply``, as the rule does.
    ImportError
        By ``apply``, if array-api-compat, the extra ``arrays``, is missing.
    RuntimeError
        By PyTorch, if an argument was changed in place before the way back.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from handgrad import as_autograd_function, sigmoid
    >>> z = torch.tensor(20.0, requires_grad=True)  # doctest: +SKIP
    >>> as_autograd_function(sigmoid).apply(z).backward()  # doctest: +SKIP
    >>> z.grad  # that of torch.sigmoid is 0  # doctest: +SKIP
    tensor(2.0612e-09)

    References
    ----------
    ``docs/guides/frameworks.md``.
    """
    import torch

    sort = _sorting(rule, "as_autograd_function")

    class RuleInTorch(torch.autograd.Function):  # type: ignore[misc]
        @classmethod
        def apply(cls, *args: Any, **options: Any) -> Any:
            args, options = sort(args, options)
            for a in args:
                if not isinstance(a, torch.Tensor):
                    raise TypeError(f"{RuleInTorch.__name__} expected PyTorch's tensors, given {type(a).__name__}")
            return super().apply(options, *args)

        @staticmethod
        def forward(ctx: Any, options: dict[str, Any], *args: Any) -> Any:
            value, ctx.pullback = _applied(rule, args, options)
            ctx.options = options
            ctx.save_for_backward(*args)
            return value

        @staticmethod
        def backward(ctx: Any, dvalue: Any) -> Any:
            args, pullback = ctx.saved_tensors, ctx.pullback
            if torch.is_grad_enabled():  # it will be differentiated itself, and so is what it keeps
                _, pullback = _applied(rule, args, ctx.options)
            needs = {"needs": ctx.needs_input_grad[1:]} if takes_needs(getattr(pullback, "__code__", None)) else {}
            return None, *pullback(dvalue, **needs)

    RuleInTorch.__name__ = RuleInTorch.__qualname__ = getattr(rule, "__name__", "rule")
    RuleInTorch.__doc__ = rule.__doc__
    return RuleInTorch


def _sorting(rule: Rule, name: str) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a function that sorts what a call was given into the rule's arguments and its options."""
    if not callable(rule):
        raise TypeError(f"{name} expected a rule, given {type(rule).__name__}")
    given = inspect.signature(rule).parameters.values()
    differentiated = [p for p in given if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    options = sorted((p for p in given if p.kind is p.KEYWORD_ONLY), key=lambda p: p.default is not p.empty)
    if all(p.kind is not p.VAR_POSITIONAL for p in differentiated):
        options = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in options]
    signature = inspect.Signature([*differentiated, *options])

    def sort(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = signature.bind(*args, **kwargs).arguments
        found: list[Any] = []
        for p in differentiated:
            if p.name in bound:
                a = bound.pop(p.name)
                found += a if p.kind is p.VAR_POSITIONAL else [a]
        return tuple(found), bound

    return sort


def _applied(rule: Rule, args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Array, Callable[..., Any]]:
    found = rule(*args, **options)
    if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
        name = getattr(rule, "__name__", repr(rule))
        raise TypeError(f"expected a rule, value, backward = {name}(…), but it gave {type(found).__name__}")
    return found
