"""The rules inside JAX and PyTorch, which then differentiate with handgrad's pullbacks, accurate in the tails.

Each library is imported by the function that needs it.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.rules.rule import Rule, call_pullback

__all__ = ["as_autograd_function", "as_custom_vjp"]


def as_custom_vjp(rule: Rule) -> Any:
    """Return a rule as a ``jax.custom_vjp``: a function of the value, whose gradient in JAX is the rule's.

    It takes the rule's arguments. ``jax.grad``, ``jax.jit``, ``jax.vmap`` and ``jax.lax.scan`` apply to it in any
    order, and reverse mode any number of times. JAX has no forward mode for a ``custom_vjp``, and raises an error.

    Parameters
    ----------
    rule : callable
        ``value, backward = rule(*args, **options)``: one of ``handgrad.RULES``, or one of your own that runs on JAX
        arrays.

    Returns
    -------
    jax.custom_vjp
        ``value = f(*args, **options)``. Gradients are with respect to the positional arguments, float32 or float64
        arrays of any shape that the rule takes. Options may follow them by position, in their order. Arrays among the
        options (``labels``, ``condition``, a traced ``reg``) have gradient 0; all others (``axis``, ``shape``, …) are
        static.

    Raises
    ------
    TypeError
        If the rule is not callable; by ``f`` if the rule does not return a value and a pullback, if arguments are
        missing or too many, or as the rule does.
    ValueError
        By ``f``, as the rule does. While JAX traces, values such as the range of labels cannot be checked.

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

    bind = _binder(rule, "as_custom_vjp")

    class RuleInJax(jax.custom_vjp[Any]):
        def __call__(self, *args: Any, **options: Any) -> Any:
            args, options = bind(args, options)
            for name, a in options.items():  # an index is as static as a shape
                if isinstance(a, np.ndarray) and name != "index":
                    options[name] = jax.numpy.asarray(a)
            leaves, structure = jax.tree.flatten(options, is_leaf=lambda a: a is None)
            arrays = {i: a for i, a in enumerate(leaves) if isinstance(a, jax.Array)}
            static = {i: a for i, a in enumerate(leaves) if i not in arrays}
            return super().__call__((structure, static), arrays, *args)

    def applied(static: Any, arrays: dict[int, Array], args: tuple[Array, ...]) -> Any:
        structure, leaves = static[0], {**static[1], **arrays}
        args = tuple(map(jax.numpy.asarray, args))  # JAX also takes numbers and NumPy's arrays
        return _applied(rule, args, jax.tree.unflatten(structure, [leaves[i] for i in range(len(leaves))]))

    def value(static: Any, arrays: dict[int, Array], *args: Array) -> Array:
        return applied(static, arrays, args)[0]

    def forward(static: Any, arrays: dict[int, Array], *args: Array) -> tuple[Array, Any]:
        return value(static, arrays, *args), (arrays, args)

    def backward(static: Any, saved: Any, dvalue: Array) -> tuple[Array | None, ...]:
        _, pullback = applied(static, *saved)  # again, as JAX cannot save a closure; jit drops what is not needed
        return None, *pullback(dvalue)

    f = RuleInJax(value, nondiff_argnums=(0,))
    f.defvjp(forward, backward)
    return functools.update_wrapper(f, rule)


def as_autograd_function(rule: Rule) -> Any:
    """Return a rule as a ``torch.autograd.Function``, whose gradient in PyTorch is the rule's.

    Parameters
    ----------
    rule : callable
        ``value, backward = rule(*args, **options)``: one of ``handgrad.RULES``, or one of your own that runs on
        PyTorch's tensors.

    Returns
    -------
    subclass of torch.autograd.Function
        ``value = F.apply(*args, **options)``, which takes the rule's arguments; options may follow the positional ones
        by position, in their order. Gradients are with respect to the positional arguments, float32 or float64 tensors
        on one device, and only those that PyTorch needs; options have none. For second derivatives PyTorch
        differentiates the operations of the pullback.

    Raises
    ------
    TypeError
        If the rule is not callable; by ``apply`` if the rule does not return a value and a pullback, if arguments are
        missing or too many, or as the rule does.
    ValueError
        By ``apply``, as the rule does.
    ImportError
        By ``apply``, if array-api-compat, the extra ``arrays``, is missing.
    RuntimeError
        By PyTorch, if an argument was changed in place before the backward pass.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from handgrad import as_autograd_function, sigmoid
    >>> z = torch.tensor(20.0, requires_grad=True)  # doctest: +SKIP
    >>> as_autograd_function(sigmoid).apply(z).backward()  # doctest: +SKIP
    >>> z.grad  # with torch.sigmoid it is 0  # doctest: +SKIP
    tensor(2.0612e-09)

    References
    ----------
    ``docs/guides/frameworks.md``.
    """
    import torch

    bind = _binder(rule, "as_autograd_function")

    class RuleInTorch(torch.autograd.Function):  # type: ignore[misc]
        @classmethod
        def apply(cls, *args: Any, **options: Any) -> Any:
            args, options = bind(args, options)
            for a in args:
                if not isinstance(a, torch.Tensor):
                    raise TypeError(
                        f"{RuleInTorch.__name__}: arguments must be PyTorch tensors, got {type(a).__name__}"
                    )
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
            if torch.is_grad_enabled():  # for second derivatives PyTorch must record the forward pass, too
                _, pullback = _applied(rule, args, ctx.options)
            return None, *call_pullback(pullback, dvalue, ctx.needs_input_grad[1:])

    RuleInTorch.__name__ = RuleInTorch.__qualname__ = getattr(rule, "__name__", "rule")
    RuleInTorch.__doc__ = rule.__doc__
    return RuleInTorch


def _binder(rule: Rule, name: str) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a function that splits a call's arguments into those to differentiate by and the options."""
    if not callable(rule):
        raise TypeError(f"{name}: rule must be callable, got {type(rule).__name__}")
    parameters = inspect.signature(rule).parameters.values()
    differentiated = [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    options = sorted((p for p in parameters if p.kind is p.KEYWORD_ONLY), key=lambda p: p.default is not p.empty)
    if all(p.kind is not p.VAR_POSITIONAL for p in differentiated):
        options = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in options]
    signature = inspect.Signature([*differentiated, *options])

    def bind(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = signature.bind(*args, **kwargs).arguments
        found: list[Any] = []
        for p in differentiated:
            if p.name in bound:
                a = bound.pop(p.name)
                found += a if p.kind is p.VAR_POSITIONAL else [a]
        return tuple(found), bound

    return bind


def _applied(rule: Rule, args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Array, Callable[..., Any]]:
    found = rule(*args, **options)
    if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
        name = getattr(rule, "__name__", repr(rule))
        raise TypeError(f"a rule must return a pair: value, backward = {name}(…), got {type(found).__name__}")
    return found
