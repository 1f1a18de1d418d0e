"""Checks a gradient of your own, and says what is wrong with it and why."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

import handgrad
from oracle.candidates.adapters import as_network, as_rule
from oracle.checks.run import CheckRun
from oracle.reference import RULES
from oracle.reports.verdict import Verdict
from oracle.strategies.conventions import Conventions
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.rules import RuleProblem, problems_like, rule_problems

__all__ = ["assert_gradients", "check", "check_rule", "problems"]


def check(
    candidate: Callable[..., Any],
    truth: str | Callable[..., Any],
    *,
    examples: int = 100,
    seed: int | None = 0,
    dtypes: Sequence[Any] = (np.float64, np.float32),
    problems: st.SearchStrategy[NetworkProblem] | None = None,
    conventions: Conventions | None = None,
    activation: Sequence[str] | None = None,
    time_limit: float = 5.0,
) -> Verdict:
    """Check a loss and gradient of your own, and return a verdict that names the entry and the cause.

    Parameters
    ----------
    candidate : callable
        ``candidate(params, X, y, reg)`` returns ``(loss, grads)``: params and grads are dicts of NumPy arrays, as in
        ``handgrad.two_layer.loss_and_grad``. :func:`oracle.adapt` makes one of code that is called otherwise. It may
        return a dict of intermediates as a third: then the verdict says which stage is wrong first. A
        ``torch.autograd.Function`` or ``jax.custom_vjp`` of the loss can be handed in as it is.
    truth : str or callable
        The name of a network in ``handgrad.NETWORKS``, or any ``loss(params, X, y, reg)`` that JAX can differentiate;
        the name of a rule in ``handgrad.RULES`` leads to :func:`check_rule`.
    examples : int
        Number of problems to draw, 1 or more.
    seed : int or None
        The same seed draws the same problems, for a given set of imported modules (Hypothesis reuses their constants);
        None draws new ones each time.
    dtypes : sequence of float32 and float64
        The parameters' dtypes.
    problems : hypothesis strategy, optional
        Draws the problems, instead of :func:`oracle.problems`.
    conventions : Conventions, optional
        The conventions of your loss (mean or sum, penalty), if they are not handgrad's.
    activation : sequence of str, optional
        The hidden activations, where the truth is ``"mlp"``.
    time_limit : float
        Seconds that one call may take.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError
        If the candidate is no function, or the truth is neither a name nor a function.
    ValueError
        If there is no network of that name, or an option makes no sense.

    Examples
    --------
    >>> import oracle
    >>> from handgrad import two_layer
    >>> def forgets_the_penalty(params, X, y, reg):
    ...     loss, _ = two_layer.loss_and_grad(params, X, y, reg)
    ...     return loss, two_layer.loss_and_grad(params, X, y, 0.0)[1]
    >>> oracle.check(forgets_the_penalty, "two_layer", examples=20).causes
    ('l2-missing',)

    References
    ----------
    ``docs/check.md``.
    """
    if isinstance(truth, str) and truth in RULES:
        if conventions is not None or activation is not None or problems is not None:
            raise ValueError(f"conventions, activation and problems must be left out for a rule, got {truth!r}")
        return check_rule(candidate, truth, examples=examples, seed=seed, time_limit=time_limit)
    call = as_network(candidate)
    _require_some(examples)
    kinds = [np.dtype(d).type for d in dtypes]
    if not kinds or any(kind not in (np.float32, np.float64) for kind in kinds):
        raise ValueError(f"dtypes must be float32, float64 or both, got {[str(np.dtype(d)) for d in dtypes]}")
    under = Conventions() if conventions is None else conventions
    if isinstance(truth, str):
        if truth not in handgrad.NETWORKS:
            raise ValueError(f"truth must be one of {', '.join((*handgrad.NETWORKS, *RULES))}, got {truth!r}")
        if truth == "mlp" and activation is None and problems is None:
            raise ValueError("activation must name each hidden layer of an mlp, as ('tanh', 'relu'), got None")
        name, loss = truth, None
    elif callable(truth):
        if conventions is not None:
            raise ValueError(f"conventions must be left out for a loss of your own, got {conventions}")
        name, loss = getattr(truth, "__name__", "loss"), truth
    else:
        raise TypeError(f"truth must be the name of a network or a function, got {type(truth).__name__}")
    any_problem = problems is None
    if problems is None:
        drawn = "two_layer" if loss is not None else name
        problems = st.sampled_from(kinds).flatmap(lambda d: _drawn(drawn, d, activation))
    strategy = problems.map(
        lambda p: replace(p, input_grad=False, conventions=under, truth=loss, name=p.name if loss is None else name)
    )
    return CheckRun(name, candidate, call, strategy, examples, seed, time_limit, any_problem).verdict()


def check_rule(
    candidate: Callable[..., Any],
    truth: str | Callable[..., Any],
    *arguments: Any,
    examples: int = 100,
    seed: int | None = 0,
    time_limit: float = 5.0,
    **keywords: Any,
) -> Verdict:
    """Check a rule of your own, ``value, backward = candidate(*args)``, and return a verdict.

    Parameters
    ----------
    candidate : callable
        As the rules in ``handgrad.RULES``: positional arguments are differentiated, ``backward(dvalue)`` returns a
        tuple with an entry for each. A ``torch.autograd.Function`` or a ``jax.custom_vjp`` can be handed in as it is.
    truth : str or callable
        The name of a rule in ``handgrad.RULES``, or a function in JAX that computes the value alone.
    *arguments : arrays
        Examples of the arguments, which a function of your own needs: the problems have their shapes and dtypes.
    examples, seed, time_limit
        As for :func:`check`.
    **keywords
        The rule's keyword arguments, which are not differentiated.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError
        If the candidate is no function, or the truth is neither a name nor a function.
    ValueError
        If there is no rule of that name, or there is no example of the arguments of a function.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> def my_relu(z):
    ...     return np.maximum(z, 0), lambda dh: (dh * (z >= 0),)
    >>> oracle.check_rule(my_relu, "relu").causes
    ('mask-at-zero',)

    References
    ----------
    ``docs/check.md``.
    """
    call = as_rule(candidate)
    _require_some(examples)
    if isinstance(truth, str):
        if truth not in RULES:
            raise ValueError(f"truth must be one of {', '.join(RULES)}, got {truth!r}")
        name, function = truth, None
        strategy: st.SearchStrategy[RuleProblem] = rule_problems(truth, large=True)
    elif callable(truth):
        if not arguments:
            raise ValueError("arguments must have examples for a function of your own: check_rule(rule, f, x, W)")
        name, function = getattr(truth, "__name__", "rule"), truth
        value = np.asarray(truth(*arguments, **keywords))
        strategy = problems_like(name, function, arguments, keywords, value.shape)
    else:
        raise TypeError(f"truth must be the name of a rule or a function, got {type(truth).__name__}")

    return CheckRun(name, candidate, call, strategy, examples, seed, time_limit).verdict()


def assert_gradients(candidate: Callable[..., Any], truth: str | Callable[..., Any], **options: Any) -> None:
    """Raise ``AssertionError``, with the verdict as its message, unless :func:`check` finds the gradients correct.

    Takes what :func:`check` takes, and raises what it raises.

    Examples
    --------
    >>> import oracle
    >>> from handgrad import two_layer
    >>> oracle.assert_gradients(two_layer.loss_and_grad, "two_layer", examples=20)

    References
    ----------
    ``docs/check.md``.
    """
    __tracebackhide__ = True
    check(candidate, truth, **options).raise_if_wrong()


def problems(
    network: str = "two_layer",
    *,
    dtype: Any = None,
    activation: Sequence[str] | None = None,
) -> st.SearchStrategy[NetworkProblem]:
    """Return a Hypothesis strategy for problems: parameters, data, labels and a regularisation strength.

    They include what exposes rare mistakes: every dimension from 1 to 8, equal and distinct ones, at times one of up
    to 40; exact zeros and ties; large scores; labels of any integer dtype; arrays in any memory layout. They shrink to
    small integers and small dimensions.

    Parameters
    ----------
    network : str
        A name in ``handgrad.NETWORKS``.
    dtype : float32 or float64, optional
        The parameters' dtype; either, if it is not given.
    activation : sequence of str, optional
        The hidden activations, where the network is ``"mlp"``.

    Returns
    -------
    strategy of problems
        Each has the attributes ``params`` (a dict), ``X`` (N, D), ``y`` (N,) and ``reg``.

    Raises
    ------
    ValueError
        If there is no network of that name.

    Examples
    --------
    >>> import oracle
    >>> from handgrad import two_layer
    >>> from hypothesis import given
    >>> @given(oracle.problems("two_layer"))
    ... def test_loss_is_not_negative(problem):
    ...     assert two_layer.loss(problem.params, problem.X, problem.y, problem.reg) >= 0
    >>> test_loss_is_not_negative()

    References
    ----------
    ``docs/check.md``.
    """
    if network not in handgrad.NETWORKS:
        raise ValueError(f"network must be one of {', '.join(handgrad.NETWORKS)}, got {network!r}")
    return _drawn(network, dtype, activation)


def _require_some(examples: int) -> None:
    if examples < 1:
        raise ValueError(f"examples must be 1 or more, got {examples}")


def _drawn(network: str, dtype: Any, activation: Sequence[str] | None) -> st.SearchStrategy[NetworkProblem]:
    return network_problems(network, dtype, large=True, activation=None if activation is None else tuple(activation))
