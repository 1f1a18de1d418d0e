"""Adapts code with other calling conventions: lists, one-hot labels, (H, D) weights, other frameworks."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["adapt", "as_network", "as_rule"]


def adapt(
    f: Callable[..., Any],
    *,
    gradients: Sequence[str] | Mapping[str, str] | None = None,
    one_hot: bool = False,
    transposed: bool = False,
) -> Callable[..., Any]:
    """Return a candidate for :func:`oracle.check` that calls ``f(params, X, y, reg)`` as f wants to be called.

    Parameters
    ----------
    f : callable
        Returns ``(loss, gradients)``; the gradients may be a dict, a list, a tuple or an object with attributes.
    gradients : sequence of str, or dict
        A sequence names the entries of a list or tuple in their order; by default they are in the order of the
        parameters. A dict gives for each parameter the key or attribute that f calls its gradient by.
    one_hot : bool
        Give f the labels as a one-hot array (N, C) in the parameters' dtype.
    transposed : bool
        Give f each weight matrix as (H, D), and take its gradient as (H, D).

    Returns
    -------
    callable
        ``(params, X, y, reg) -> (loss, grads)``, grads a dict of the names in params; intermediates are passed on.

    Raises
    ------
    TypeError
        If f cannot be called.

    Examples
    --------
    >>> import oracle
    >>> from handgrad import two_layer
    >>> def listed(params, X, y, reg):
    ...     loss, grads = two_layer.loss_and_grad(params, X, y, reg)
    ...     return loss, [grads["W1"], grads["b1"], grads["W2"], grads["b2"]]
    >>> oracle.check(oracle.adapt(listed), "two_layer", examples=5).ok
    True

    References
    ----------
    ``docs/check.md``.
    """
    if not callable(f):
        raise TypeError(f"f must be callable, got {type(f).__name__}")

    def candidate(params: Mapping[str, Any], X: Any, y: Any, reg: float) -> Any:
        names = list(params)
        last = params[names[-1]]
        labels = np.eye(len(last), dtype=last.dtype)[y] if one_hot else y
        given = {name: a.T if transposed and a.ndim == 2 else a for name, a in params.items()}
        loss, grads, *rest = f(given, X, labels, reg)
        found = _by_name(grads, names, gradients)
        if transposed:
            found = {name: g.T if getattr(g, "ndim", 0) == 2 else g for name, g in found.items()}
        return loss, found, *rest

    return candidate


def as_network(f: Any) -> Callable[..., Any]:
    """Return a function (params, X, y, reg) -> (loss, grads) of a candidate of any kind that check takes."""
    if _is_function_of_torch(f):

        def by_torch(params: Mapping[str, Any], X: Any, y: Any, reg: float) -> Any:
            torch = sys.modules["torch"]
            leaves = [torch.tensor(a.copy(), requires_grad=True) for a in params.values()]  # no negative strides there
            loss: Any = f.apply(*leaves, torch.tensor(X.copy()), torch.tensor(y.astype(np.int64)), reg)
            loss.backward()
            return loss, dict(zip(params, (a.grad for a in leaves)))

        return by_torch
    if _is_custom_vjp(f):

        def by_jax(params: Mapping[str, Any], X: Any, y: Any, reg: float) -> Any:
            return sys.modules["jax"].value_and_grad(f)(dict(params), X, y, reg)

        return by_jax
    return _called(f)


def as_rule(f: Any) -> Callable[..., Any]:
    """Return a rule ``value, backward = f(*args, **kwargs)`` of a candidate of any kind that check_rule takes."""
    if _is_function_of_torch(f):

        def by_torch(*args: Any, **kwargs: Any) -> Any:
            torch = sys.modules["torch"]
            leaves = [torch.tensor(a.copy(), requires_grad=True) for a in args]  # no negative strides there
            rest = (torch.tensor(v.copy()) if isinstance(v, np.ndarray) else v for v in kwargs.values())
            value = f.apply(*leaves, *rest)
            return value, lambda dvalue: torch.autograd.grad(value, leaves, torch.tensor(dvalue.copy()))

        return by_torch
    if _is_custom_vjp(f):

        def by_jax(*args: Any, **kwargs: Any) -> Any:
            jax = sys.modules["jax"]
            value, backward = jax.vjp(lambda *a: f(*a, *kwargs.values()), *args)
            return value, lambda dvalue: backward(jax.numpy.asarray(dvalue, value.dtype))

        return by_jax
    return _called(f)


def _called(f: Any) -> Callable[..., Any]:
    if not callable(f):
        raise TypeError(f"candidate must be callable, got {type(f).__name__}")
    return f  # type: ignore[no-any-return]


def _is_function_of_torch(f: Any) -> bool:
    torch = sys.modules.get("torch")  # imported already by the caller who passes one
    return torch is not None and isinstance(f, type) and issubclass(f, torch.autograd.Function)


def _is_custom_vjp(f: Any) -> bool:
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(f, jax.custom_vjp)


def _by_name(grads: Any, names: Sequence[str], order: Sequence[str] | Mapping[str, str] | None) -> dict[str, Any]:
    if isinstance(order, Mapping):
        keys = {name: order.get(name, name) for name in names}
        if isinstance(grads, Mapping):
            return {name: grads.get(key) for name, key in keys.items()}
        return {name: getattr(grads, key, None) for name, key in keys.items()}
    if isinstance(grads, Mapping):
        return dict(grads)
    if isinstance(grads, tuple | list) and not hasattr(grads, "_fields"):
        return dict(zip(order or names, grads))
    return {name: getattr(grads, name, None) for name in names}
