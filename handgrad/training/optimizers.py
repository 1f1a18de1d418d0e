"""Optimisers: how a gradient becomes the next parameters. The interface is optax's.

An optimiser is two pure functions: ``state = opt.init(params)``, then ``updates, state = opt.update(grads, state,
params)`` and ``params = apply_updates(params, updates)`` for each step. Nothing that is passed in is written to.
"""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from handgrad.arrays.namespace import Array, library, namespace
from handgrad.validation import check_like, number_in

# fmt: off
__all__ = [
    "Optimizer", "Schedule", "State", "adagrad", "adam", "adamw", "apply_updates", "exponential_decay", "rmsprop",
    "sgd",
]
# fmt: on

#: What an optimiser remembers from step to step: a dict of arrays, numbers, and dicts of them.
State: TypeAlias = dict[str, Any]

#: The learning rate as a function of the number of steps taken before.
Schedule: TypeAlias = Callable[[int], float]


class Optimizer(NamedTuple):
    """An optimiser, as the two functions that ``optax.GradientTransformation`` has.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import apply_updates, sgd
    >>> opt = sgd(0.1)
    >>> params = {"W1": np.array([[1.0]])}
    >>> updates, state = opt.update({"W1": np.array([[2.0]])}, opt.init(params), params)
    >>> apply_updates(params, updates)
    {'W1': array([[0.8]])}
    """

    #: ``state = init(params)``, before the first step
    init: Callable[[Mapping[str, Array]], State]
    #: ``updates, state = update(grads, state, params)``; the updates are to be added to the parameters
    update: Callable[[Mapping[str, Array], Mapping[str, Any], Mapping[str, Array]], tuple[dict[str, Array], State]]


def apply_updates(params: Mapping[str, Array], updates: Mapping[str, Array]) -> dict[str, Array]:
    """Return the next parameters, p + u for each parameter p and its update u, as a new dict of new arrays.

    Parameters
    ----------
    params : dict of arrays
    updates : dict of arrays
        The same keys, shapes and dtypes.

    Raises
    ------
    TypeError
        If a dtype differs.
    ValueError
        If the keys or a shape differ.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import apply_updates
    >>> apply_updates({"b1": np.array([1.0])}, {"b1": np.array([-0.25])})
    {'b1': array([0.75])}

    References
    ----------
    H. Robbins, S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22(3), 1951.
    """
    check_like(params, updates, "updates")
    return {name: p + updates[name] for name, p in params.items()}


def sgd(learning_rate: float | Schedule, *, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Return stochastic gradient descent, with momentum or without.

    With g the gradient, α the learning rate and m the momentum: the update is −α g; with momentum −α v, where
    v ← g + m v from v = 0; in Nesterov's form −α (g + m v), which is the gradient taken where v is about to lead.

    Parameters
    ----------
    learning_rate : float or callable
        α, 0 or more, or a schedule ``step -> α`` such as :func:`exponential_decay`; steps count from 0.
    momentum : float
        m, in [0, 1).
    nesterov : bool
        Whether to take Nesterov's form; needs a momentum above 0.

    Returns
    -------
    Optimizer
        Its state holds ``"step"``, the ``"learning_rate"`` used last and, with momentum, ``"velocity"``: v, of the
        parameters' keys, shapes and dtypes. Updates have the parameters' dtypes.

    Raises
    ------
    TypeError
        If the learning rate or the momentum is not a real number; by ``update`` if a dtype differs.
    ValueError
        If one is out of its range; by ``update`` if the gradients or the state do not fit the parameters, or the
        schedule gives a rate out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import apply_updates, sgd
    >>> opt = sgd(0.1, momentum=0.5)
    >>> params = {"w": np.array([1.0])}
    >>> state = opt.init(params)
    >>> for _ in range(2):  # J = w², so g = 2 w
    ...     updates, state = opt.update({"w": 2 * params["w"]}, state, params)
    ...     params = apply_updates(params, updates)
    >>> float(params["w"][0])  # 1 - 0.1 · 2, then 0.8 - 0.1 (1.6 + 0.5 · 2)
    0.54

    References
    ----------
    B. T. Polyak, Some methods of speeding up the convergence of iteration methods, USSR Computational Mathematics
    and Mathematical Physics 4(5), 1964. I. Sutskever, J. Martens, G. Dahl, G. Hinton, On the importance of
    initialization and momentum in deep learning, ICML 2013, for Nesterov's form.
    """
    m = _fraction("momentum", momentum)
    if nesterov and m == 0:
        raise ValueError("nesterov expected a momentum above 0, given momentum = 0")

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        if not m:
            return g, {}
        v = g + m * memory["velocity"]
        return g + m * v if nesterov else v, {"velocity": v}

    return _optimizer(learning_rate, {"velocity": 0.0} if m else {}, direction)


def adagrad(learning_rate: float | Schedule, *, initial_accumulator_value: float = 0.1, eps: float = 1e-7) -> Optimizer:
    """Return AdaGrad: what has had large gradients takes smaller steps.

    With a ← a + g², entry by entry, from a = initial_accumulator_value, the update is −α g / √(a + ε).

    Parameters
    ----------
    learning_rate : float or callable
        α, 0 or more, or a schedule ``step -> α``.
    initial_accumulator_value : float
        What a starts with, 0 or more.
    eps : float
        ε, above 0.

    Returns
    -------
    Optimizer
        Its state holds ``"step"``, ``"learning_rate"`` and ``"sum_of_squares"``: a, like the parameters.

    Raises
    ------
    TypeError, ValueError
        As :func:`sgd` does, if a number is none or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import adagrad, apply_updates
    >>> opt = adagrad(0.5, initial_accumulator_value=0.0)
    >>> params = {"w": np.array([1.0, 1.0])}
    >>> updates, _ = opt.update({"w": np.array([100.0, 0.1])}, opt.init(params), params)
    >>> apply_updates(params, updates)["w"].round(3)  # the first step is as long in every direction
    array([0.5, 0.5])

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic optimization, JMLR
    12, 2011. The interface and ε inside the root are those of ``optax.adagrad``.
    """
    start, eps = _at_least_0("initial_accumulator_value", initial_accumulator_value), _above_0("eps", eps)

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        a = memory["sum_of_squares"] + g * g
        return g / _sqrt(a + eps), {"sum_of_squares": a}

    return _optimizer(learning_rate, {"sum_of_squares": start}, direction)


def rmsprop(learning_rate: float | Schedule, *, decay: float = 0.9, eps: float = 1e-8) -> Optimizer:
    """Return RMSProp: AdaGrad with a memory that fades.

    With ν ← β ν + (1 − β) g², entry by entry, from ν = 0, the update is −α g / √(ν + ε).

    Parameters
    ----------
    learning_rate : float or callable
        α, 0 or more, or a schedule ``step -> α``.
    decay : float
        β, in [0, 1).
    eps : float
        ε, above 0.

    Returns
    -------
    Optimizer
        Its state holds ``"step"``, ``"learning_rate"`` and ``"nu"``: ν, like the parameters.

    Raises
    ------
    TypeError, ValueError
        As :func:`sgd` does, if a number is none or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import apply_updates, rmsprop
    >>> opt = rmsprop(0.1, decay=0.75)
    >>> params = {"w": np.array([1.0])}
    >>> updates, _ = opt.update({"w": np.array([8.0])}, opt.init(params), params)
    >>> apply_updates(params, updates)["w"].round(6)  # √ν = 8 / 2
    array([0.8])

    References
    ----------
    T. Tieleman, G. Hinton, Lecture 6.5, Neural networks for machine learning, Coursera, 2012. The interface and ε
    inside the root are those of ``optax.rmsprop``.
    """
    beta, eps = _fraction("decay", decay), _above_0("eps", eps)

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        nu = beta * memory["nu"] + (1 - beta) * (g * g)
        return g / _sqrt(nu + eps), {"nu": nu}

    return _optimizer(learning_rate, {"nu": 0.0}, direction)


def adam(learning_rate: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Return Adam: a fading mean of the gradients, over the root of a fading mean of their squares.

    In step t = 1, 2, … with μ ← β₁ μ + (1 − β₁) g and ν ← β₂ ν + (1 − β₂) g², entry by entry, from 0, the update is
    −α μ̂ / (√ν̂ + ε), where μ̂ = μ / (1 − β₁ᵗ) and ν̂ = ν / (1 − β₂ᵗ) make up for the start at 0.

    Parameters
    ----------
    learning_rate : float or callable
        α, 0 or more, or a schedule ``step -> α``.
    b1, b2 : float
        β₁ and β₂, in [0, 1).
    eps : float
        ε, above 0.

    Returns
    -------
    Optimizer
        Its state holds ``"step"``, ``"learning_rate"``, ``"mu"`` and ``"nu"``, the latter two like the parameters.

    Raises
    ------
    TypeError, ValueError
        As :func:`sgd` does, if a number is none or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import adam, apply_updates
    >>> opt = adam(0.25)
    >>> params = {"w": np.array([1.0, 1.0])}
    >>> updates, _ = opt.update({"w": np.array([100.0, -0.1])}, opt.init(params), params)
    >>> apply_updates(params, updates)["w"].round(6)  # the first step is the gradient's sign
    array([0.75, 1.25])

    References
    ----------
    D. Kingma, J. Ba, Adam: A method for stochastic optimization, ICLR 2015, algorithm 1.
    """
    return _optimizer(learning_rate, {"mu": 0.0, "nu": 0.0}, _adam(b1, b2, eps))


def adamw(
    learning_rate: float | Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-4,
    mask: Mapping[str, bool] | None = None,
) -> Optimizer:
    """Return Adam with decoupled weight decay: the weights shrink by the same share whatever their gradients were.

    The update is that of :func:`adam` minus α λ p. A penalty in the loss would go through the division by √ν̂, and so
    shrink least what has large gradients.

    Parameters
    ----------
    learning_rate, b1, b2, eps
        As for :func:`adam`.
    weight_decay : float
        λ, 0 or more.
    mask : dict of bool, optional
        Which parameters decay; by default all, biases too.

    Returns
    -------
    Optimizer
        With the state of :func:`adam`.

    Raises
    ------
    TypeError, ValueError
        As :func:`sgd` does; by ``update`` if the mask has not the parameters' keys.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import adamw, apply_updates
    >>> opt = adamw(0.5, weight_decay=0.1, mask={"W1": True, "b1": False})
    >>> params = {"W1": np.array([[2.0]]), "b1": np.array([2.0])}
    >>> grads = {"W1": np.array([[0.0]]), "b1": np.array([0.0])}
    >>> updates, _ = opt.update(grads, opt.init(params), params)
    >>> apply_updates(params, updates)
    {'W1': array([[1.9]]), 'b1': array([2.])}

    References
    ----------
    I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019, algorithm 2.
    """
    decay = _at_least_0("weight_decay", weight_decay)
    return _optimizer(learning_rate, {"mu": 0.0, "nu": 0.0}, _adam(b1, b2, eps), decay, mask)


def _adam(b1: float, b2: float, eps: float) -> "_Direction":
    b1, b2, eps = _fraction("b1", b1), _fraction("b2", b2), _above_0("eps", eps)

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        mu = b1 * memory["mu"] + (1 - b1) * g
        nu = b2 * memory["nu"] + (1 - b2) * (g * g)
        return mu / _rest(b1, t, mu) / (_sqrt(nu / _rest(b2, t, nu)) + eps), {"mu": mu, "nu": nu}

    return direction


#: From a gradient, what is remembered of its parameter and the number of the step, 1 for the first: the direction d of
#: the update −α d, and what is to be remembered.
_Direction: TypeAlias = Callable[[Array, dict[str, Array], int], tuple[Array, dict[str, Array]]]


def _optimizer(
    learning_rate: float | Schedule,
    initial: Mapping[str, float],
    direction: _Direction,
    weight_decay: float = 0.0,
    mask: Mapping[str, bool] | None = None,
) -> Optimizer:
    """Return the optimiser that remembers, for each parameter, arrays of these initial values."""
    if not callable(learning_rate):
        learning_rate = _check_learning_rate(learning_rate)

    def rate_at(step: int) -> float:
        return _check_rate(learning_rate(step)) if callable(learning_rate) else learning_rate

    def init(params: Mapping[str, Array]) -> State:
        memory = {
            what: {name: namespace(p).full_like(p, value) for name, p in params.items()}
            for what, value in initial.items()
        }
        return {"step": 0, "learning_rate": rate_at(0), **memory}

    def update(
        grads: Mapping[str, Array], state: Mapping[str, Any], params: Mapping[str, Array]
    ) -> tuple[dict[str, Array], State]:
        check_like(params, grads, "grads")
        for what in initial:
            check_like(params, state.get(what, {}), what)
        if mask is not None and mask.keys() != params.keys():
            raise ValueError(
                f"mask expected the parameters' keys {', '.join(params)}, given {', '.join(mask) or 'none'}"
            )
        alpha, t = rate_at(state["step"]), state["step"] + 1
        next_state: State = {"step": t, "learning_rate": alpha, **{what: {} for what in initial}}
        updates = {}
        for name, g in grads.items():
            d, memory = direction(g, {what: state[what][name] for what in initial}, t)
            if weight_decay and (mask is None or mask[name]):
                d = d + weight_decay * params[name]
            updates[name] = -(namespace(d).astype(alpha, d.dtype) if hasattr(alpha, "dtype") else alpha) * d
            for what, a in memory.items():
                next_state[what][name] = a
        return updates, next_state

    return Optimizer(init, update)


def exponential_decay(learning_rate: float, *, rate: float, every: int) -> Schedule:
    """Return the schedule that multiplies the learning rate by ``rate`` after ``every`` so many steps.

    α(step) = learning_rate · rate ^ ⌊step / every⌋, a staircase.

    Parameters
    ----------
    learning_rate : float
        Of the first steps, 0 or more.
    rate : float
        In (0, 1].
    every : int
        Steps to a stair, 1 or more: those of an epoch, for example.

    Returns
    -------
    callable
        ``step -> float``, steps counted from 0.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``every`` not an integer.
    ValueError
        If one is out of its range.

    Examples
    --------
    >>> from handgrad.training.optimizers import exponential_decay
    >>> schedule = exponential_decay(0.8, rate=0.5, every=10)
    >>> schedule(0), schedule(9), schedule(10), schedule(25)
    (0.8, 0.8, 0.4, 0.2)

    References
    ----------
    H. Robbins, S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22(3), 1951.
    """
    start = _check_learning_rate(learning_rate)
    factor = _real("rate", rate)
    if not 0 < factor <= 1:
        raise ValueError(f"rate expected a number in (0, 1], given {factor}")
    if isinstance(every, bool) or not isinstance(every, numbers.Integral):
        raise TypeError(f"every expected an integer, given {type(every).__name__}")
    if every < 1:
        raise ValueError(f"every expected 1 or more, given {every}")
    return lambda step: start * factor ** (step // every)


def _check_learning_rate(rate: Any) -> float:
    return _at_least_0("learning_rate", rate)


def _check_rate(rate: Any) -> Any:
    """Return what a schedule gave, checked; while ``jax.jit`` traces it has no value yet."""
    if getattr(rate, "shape", None) != () or isinstance(rate, numbers.Real):
        return _check_learning_rate(rate)
    if not library(rate).isdtype(rate.dtype, ("integral", "real floating")):
        raise TypeError(f"learning_rate expected a real number, given dtype {rate.dtype}")
    number = number_in(rate)
    return rate if number is None else _check_learning_rate(number)


def _rest(b: float, t: Any, like: Array) -> Any:
    """Return 1 − bᵗ; of a step that JAX counts in ``like``'s dtype, where bᵗ near 1 would cancel."""
    if not hasattr(t, "at"):
        return 1 - b**t
    xp = namespace(like)
    return -xp.expm1(xp.astype(t, like.dtype) * (math.log(b) if b else -math.inf))


def _fraction(name: str, x: Any) -> float:
    number = _real(name, x)
    if not 0 <= number < 1:
        raise ValueError(f"{name} expected a number in [0, 1), given {number}")
    return number


def _at_least_0(name: str, x: Any) -> float:
    number = _real(name, x)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} expected a finite number, 0 or more, given {number}")
    return number


def _above_0(name: str, x: Any) -> float:
    number = _real(name, x)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} expected a finite number above 0, given {number}")
    return number


def _sqrt(a: Array) -> Array:
    return namespace(a).sqrt(a)


def _real(name: str, x: Any) -> float:
    """Return ``x`` as a Python float: a NumPy one would turn float32 arrays into float64 ones."""
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        raise TypeError(f"{name} expected a real number, given {type(x).__name__}")
    return float(x)
