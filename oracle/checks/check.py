"""Checks somebody's own gradient and says what is wrong with it, and why."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

import handgrad
from oracle.candidates.adapters import as_network, as_rule
from oracle.checks.run import Investigation
from oracle.reference import RULES as TWINS
from oracle.reports.verdict import Verdict
from oracle.strategies.conventions import Conventions
from oracle.strategies.problems import NetworkProblem, RuleProblem, network_problems, rule_problems

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
        How many problems are drawn, 1 or more.
    seed : int or None
        The same seed draws the same problems, as long as the same modules are loaded, of whose constants Hypothesis
        uses some; None draws new ones each time.
    dtypes : sequence of float32 and float64
        The parameters' dtypes.
    problems : hypothesis strategy, optional
        Draws the problems, in the place of :func:`oracle.problems`.
    conventions : Conventions, optional
        What your loss means by its batch and its penalty, if that is not what handgrad does.
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
    if isinstance(truth, str) and truth in TWINS:
        if conventions is not None or activation is not None or problems is not None:
            raise ValueError(f"conventions=, activation= and problems= belong to a network: {truth!r} is a rule")
        return check_rule(candidate, truth, examples=examples, seed=seed, time_limit=time_limit)
    ask = as_network(candidate)
    _require_some(examples)
    kinds = [np.dtype(d).type for d in dtypes]
    if not kinds or any(kind not in (np.float32, np.float64) for kind in kinds):
        raise ValueError(f"dtypes expected float32, float64 or both, given {[str(np.dtype(d)) for d in dtypes]}")
    under = Conventions() if conventions is None else conventions
    if isinstance(truth, str):
        if truth not in handgrad.NETWORKS:
            raise ValueError(f"truth expected one of {', '.join((*handgrad.NETWORKS, *TWINS))}, given {truth!r}")
        if truth == "mlp" and activation is None and problems is None:
            raise ValueError("truth 'mlp' needs activation=, a name for each hidden layer, as ('tanh', 'relu')")
        name, loss = truth, None
    elif callable(truth):
        if conventions is not None:
            raise ValueError("conventions= belong to a network by name: a loss of your own has its own")
        name, loss = getattr(truth, "__name__", "loss"), truth
    else:
        raise TypeError(f"truth expected the name of a network or a function, given {type(truth).__name__}")
    any_problem = problems is None
    if problems is None:
        drawn = "two_layer" if loss is not None else name
        problems = st.sampled_from(kinds).flatmap(lambda d: _drawn(drawn, d, activation))
    strategy = problems.map(
        lambda p: replace(p, input_grad=False, conventions=under, truth=loss, name=p.name if loss is None else name)
    )

    def called(problem: NetworkProblem) -> Any:
        return ask(problem.params, problem.X, problem.y, problem.reg)

    return Investigation(name, candidate, called, strategy, examples, seed, time_limit, any_problem).verdict()


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
        What else the rule is given: not differentiated.

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
    ask = as_rule(candidate)
    _require_some(examples)
    if isinstance(truth, str):
        if truth not in TWINS:
            raise ValueError(f"truth expected one of {', '.join(TWINS)}, given {truth!r}")
        name, function = truth, None
        strategy: st.SearchStrategy[RuleProblem] = rule_problems(truth, large=True)
    elif callable(truth):
        if not arguments:
            raise ValueError("a function of your own needs examples of its arguments: check_rule(rule, f, x, W)")
        name, function = getattr(truth, "__name__", "rule"), truth
        value = np.asarray(truth(*arguments, **keywords))
        strategy = _like_examples(name, function, arguments, keywords, value.shape)
    else:
        raise TypeError(f"truth expected the name of a rule or a function, given {type(truth).__name__}")

    def called(problem: RuleProblem) -> Any:
        value, backward = ask(*problem.args, **problem.kwargs)
        return value, backward(problem.cotangent)

    return Investigation(name, candidate, called, strategy, examples, seed, time_limit).verdict()


def assert_gradients(candidate: Callable[..., Any], truth: str | Callable[..., Any], **options: Any) -> None:
    """Raise ``AssertionError`` with the verdict for its message unless :func:`check` finds all right: for a test.

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

    They have what exposes the rare mistakes: every dimension from 1 to 8, equal and distinct ones, at times one of up
    to 40; exact zeros and ties; large scores; labels of any integer dtype; arrays in any order in memory. They shrink
    to small integers and small dimensions.

    Parameters
    ----------
    network : str
        A name in ``handgrad.NETWORKS``.
    dtype : float32 or float64, optional
        Of the parameters; either, if it is not given.
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
        raise ValueError(f"network expected one of {', '.join(handgrad.NETWORKS)}, given {network!r}")
    return _drawn(network, dtype, activation)


def _require_some(examples: int) -> None:
    if examples < 1:
        raise ValueError(f"examples expected 1 or more, given {examples}")


def _drawn(network: str, dtype: Any, activation: Sequence[str] | None) -> st.SearchStrategy[NetworkProblem]:
    return network_problems(network, dtype, tuple(activation) if activation is not None else None, large=True)


@st.composite
def _like_examples(
    draw: st.DrawFn, name: str, function: Any, arguments: Any, keywords: Any, value_shape: tuple[int, ...]
) -> RuleProblem:
    scale = draw(st.sampled_from(("integers", "ordinary", "small", "tens")))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def entries(like: Any) -> Any:
        like = np.asarray(like, None if np.asarray(like).dtype.kind == "f" else float)
        if scale == "integers":
            return rng.integers(-2, 3, like.shape).astype(like.dtype)
        factor = {"ordinary": 1.0, "small": 1e-3, "tens": 10.0}[scale]
        return (factor * rng.standard_normal(like.shape)).astype(like.dtype)

    args = tuple(map(entries, arguments))
    cotangent = rng.standard_normal(value_shape).astype(args[0].dtype)
    return RuleProblem(name, args, dict(keywords), cotangent, function)
