"""Optimisers: how a gradient becomes the next parameters. The interface is that of optax.

An optimiser is two pure functions: ``state = opt.init(params)``, then ``updates, state = opt.update(grads, state,
params)`` and ``params = apply_updates(params, updates)`` for each step. Their arguments are not written to.

A schedule counts steps from 0. The state holds ``"step"``, the number of steps taken, the last ``"learning_rate"``, and
dicts of arrays with the parameters' keys, shapes and dtypes, which the updates have as well. A setting of another type
is a TypeError, one out of its range a ValueError; ``update`` raises the same if gradients, state or mask do not match
the parameters, or a scheduled rate is out of range.
"""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from handgrad.arrays.namespace import Array, library, namespace
from handgrad.validation import check_count, check_like, number_in

# fmt: off
__all__ = [
    "Optimizer", "Params", "Schedule", "State", "adagrad", "adam", "adamw", "apply_updates", "exponential_decay",
    "rmsprop", "sgd",
]
# fmt: on

#: Parameters by name, or other arrays with their names: gradients, updates.
Params: TypeAlias = Mapping[str, Array]

#: The state of an optimiser between steps: a dict of numbers, and of dicts of arrays.
State: TypeAlias = dict[str, Any]

#: The learning rate as a function of the number of steps already taken.
Schedule: TypeAlias = Callable[[int], float]


class Optimizer(NamedTuple):
    """The pair of functions that ``optax.GradientTransformation`` has; :func:`sgd` shows their use."""

    #: ``state = init(params)``, before the first step
    init: Callable[[Params], State]
    #: ``updates, state = update(grads, state, params)``; add the updates to the parameters
    update: Callable[[Params, Mapping[str, Any], Params], tuple[dict[str, Array], State]]


def apply_updates(params: Params, updates: Params) -> dict[str, Array]:
    """Return the next parameters, p + u for each parameter p and its update u, as a new dict of new arrays.

    Raises TypeError or ValueError unless the updates have the keys, shapes and dtypes of the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import apply_updates
    >>> apply_updates({"b1": np.array([1.0])}, {"b1": np.array([-0.25])})
    {'b1': array([0.75])}
    """
    check_like(params, updates, "updates")
    return {name: p + updates[name] for name, p in params.items()}


def sgd(learning_rate: float | Schedule, *, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Return stochastic gradient descent, with or without momentum.

    With g the gradient, α the learning rate and m the momentum: the update is −α g; with momentum −α v, where
    v ← g + m v from v = 0; in Nesterov's form −α (g + m v), the gradient at the point that v is about to reach.

    Parameters
    ----------
    learning_rate : float or callable
        α, at least 0, or a schedule ``step -> α`` such as :func:`exponential_decay`.
    momentum : float
        m, in [0, 1).
    nesterov : bool
        True for Nesterov's form, which needs a momentum above 0.

    Returns
    -------
    Optimizer
        Its state holds ``"velocity"``, v, if there is momentum.

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
    m = _number("momentum", momentum, "[0, 1)")
    if nesterov and m == 0:
        raise ValueError("nesterov needs a momentum above 0, got momentum = 0")

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        if not m:
            return g, {}
        v = g + m * memory["velocity"]
        return g + m * v if nesterov else v, {"velocity": v}

    return _optimizer(learning_rate, {"velocity": 0.0} if m else {}, direction)


def adagrad(learning_rate: float | Schedule, *, initial_accumulator_value: float = 0.1, eps: float = 1e-7) -> Optimizer:
    """Return AdaGrad: smaller steps for entries that have had large gradients.

    With a ← a + g², entry by entry, from a = initial_accumulator_value, the update is −α g / √(a + ε). The state holds
    ``"sum_of_squares"``, a.

    Parameters
    ----------
    learning_rate : float or callable
        α, at least 0, or a schedule ``step -> α``.
    initial_accumulator_value : float
        At least 0.
    eps : float
        ε, above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.training.optimizers import adagrad, apply_updates
    >>> opt = adagrad(0.5, initial_accumulator_value=0.0)
    >>> params = {"w": np.array([1.0, 1.0])}
    >>> updates, _ = opt.update({"w": np.array([100.0, 0.1])}, opt.init(params), params)
    >>> apply_updates(params, updates)["w"].round(3)  # the first step is equally long in every direction
    array([0.5, 0.5])

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic optimization, JMLR
    12, 2011. The interface and ε inside the root are those of ``optax.adagrad``.
    """
    start = _number("initial_accumulator_value", initial_accumulator_value, "[0, inf)")
    eps = _number("eps", eps, "(0, inf)")

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        a = memory["sum_of_squares"] + g * g
        return g / _sqrt(a + eps), {"sum_of_squares": a}

    return _optimizer(learning_rate, {"sum_of_squares": start}, direction)


def rmsprop(learning_rate: float | Schedule, *, decay: float = 0.9, eps: float = 1e-8) -> Optimizer:
    """Return RMSProp: AdaGrad with a memory that fades.

    With ν ← β ν + (1 − β) g², entry by entry, from ν = 0, the update is −α g / √(ν + ε). The state holds ``"nu"``, ν.

    Parameters
    ----------
    learning_rate : float or callable
        α, at least 0, or a schedule ``step -> α``.
    decay : float
        β, in [0, 1).
    eps : float
        ε, above 0.

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
    beta, eps = _number("decay", decay, "[0, 1)"), _number("eps", eps, "(0, inf)")

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        nu = beta * memory["nu"] + (1 - beta) * (g * g)
        return g / _sqrt(nu + eps), {"nu": nu}

    return _optimizer(learning_rate, {"nu": 0.0}, direction)


def adam(learning_rate: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Return Adam: a fading mean of the gradients, over the root of a fading mean of their squares.

    In step t = 1, 2, … with μ ← β₁ μ + (1 − β₁) g and ν ← β₂ ν + (1 − β₂) g², entry by entry, from 0, the update is
    −α μ̂ / (√ν̂ + ε), where μ̂ = μ / (1 − β₁ᵗ) and ν̂ = ν / (1 − β₂ᵗ) correct for the start at 0. The state holds ``"mu"``
    and ``"nu"``.

    Parameters
    ----------
    learning_rate : float or callable
        α, at least 0, or a schedule ``step -> α``.
    b1, b2 : float
        β₁ and β₂, in [0, 1).
    eps : float
        ε, above 0.

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
    return adamw(learning_rate, b1=b1, b2=b2, eps=eps, weight_decay=0.0)


def adamw(
    learning_rate: float | Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-4,
    mask: Mapping[str, bool] | None = None,
) -> Optimizer:
    """Return Adam with decoupled weight decay: weights shrink by the same fraction whatever their gradients were.

    The update is that of :func:`adam` minus α λ p. A penalty in the loss would go through the division by √ν̂, and so
    would shrink the entries with large gradients least. The state is that of :func:`adam`.

    Parameters
    ----------
    learning_rate, b1, b2, eps
        As for :func:`adam`.
    weight_decay : float
        λ, at least 0.
    mask : dict of bool, optional
        True for each parameter that decays; by default all do, biases too.

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
    decay = _number("weight_decay", weight_decay, "[0, inf)")
    b1, b2, eps = _number("b1", b1, "[0, 1)"), _number("b2", b2, "[0, 1)"), _number("eps", eps, "(0, inf)")

    def direction(g: Array, memory: dict[str, Array], t: int) -> tuple[Array, dict[str, Array]]:
        mu = b1 * memory["mu"] + (1 - b1) * g
        nu = b2 * memory["nu"] + (1 - b2) * (g * g)
        return mu / _one_minus_power(b1, t, mu) / (_sqrt(nu / _one_minus_power(b2, t, nu)) + eps), {"mu": mu, "nu": nu}

    return _optimizer(learning_rate, {"mu": 0.0, "nu": 0.0}, direction, decay, mask)


def exponential_decay(learning_rate: float, *, rate: float, every: int) -> Schedule:
    """Return the schedule that multiplies the learning rate by ``rate`` after every ``every`` steps.

    α(step) = learning_rate · rate ^ ⌊step / every⌋, a staircase.

    Parameters
    ----------
    learning_rate : float
        α of the first steps, at least 0.
    rate : float
        In (0, 1].
    every : int
        At least 1; the steps of an epoch, for example.

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
    start, factor = _number("learning_rate", learning_rate, "[0, inf)"), _number("rate", rate, "(0, 1]")
    every = check_count("every", every)
    return lambda step: start * factor ** (step // every)


#: Maps a gradient, the memory of its parameter and the number of the step, from 1 on, to the direction d of the update
#: −α d and the next memory.
_Direction: TypeAlias = Callable[[Array, dict[str, Array], int], tuple[Array, dict[str, Array]]]


def _optimizer(
    learning_rate: float | Schedule,
    initial: Mapping[str, float],
    direction: _Direction,
    weight_decay: float = 0.0,
    mask: Mapping[str, bool] | None = None,
) -> Optimizer:
    """Return the optimiser whose memory starts, for each parameter, as arrays of these initial values."""
    if not callable(learning_rate):
        learning_rate = _number("learning_rate", learning_rate, "[0, inf)")

    def rate_at(step: int) -> float:
        return _check_rate(learning_rate(step)) if callable(learning_rate) else learning_rate

    def init(params: Params) -> State:
        memory = {
            key: {name: namespace(p).full_like(p, value) for name, p in params.items()}
            for key, value in initial.items()
        }
        return {"step": 0, "learning_rate": rate_at(0), **memory}

    def update(grads: Params, state: Mapping[str, Any], params: Params) -> tuple[dict[str, Array], State]:
        check_like(params, grads, "grads")
        for key in initial:
            check_like(params, state.get(key, {}), key)
        if mask is not None and mask.keys() != params.keys():
            keys, got = ", ".join(params), ", ".join(mask) or "none"
            raise ValueError(f"mask must have the parameters' keys {keys}, got {got}")
        alpha, t = rate_at(state["step"]), state["step"] + 1
        next_state: State = {"step": t, "learning_rate": alpha, **{key: {} for key in initial}}
        updates = {}
        for name, g in grads.items():
            d, memory = direction(g, {key: state[key][name] for key in initial}, t)
            if weight_decay and (mask is None or mask[name]):
                d = d + weight_decay * params[name]
            updates[name] = -(alpha if isinstance(alpha, float) else namespace(d).astype(alpha, d.dtype)) * d
            for key, a in memory.items():
                next_state[key][name] = a
        return updates, next_state

    return Optimizer(init, update)


def _check_rate(rate: Any) -> Any:
    """Return a schedule's rate, checked; while ``jax.jit`` traces, it has no value yet."""
    if isinstance(rate, numbers.Real) or getattr(rate, "shape", None) != ():
        return _number("learning_rate", rate, "[0, inf)")
    if not library(rate).isdtype(rate.dtype, ("integral", "real floating")):
        raise TypeError(f"learning_rate must be a real number, got dtype {rate.dtype}")
    number = number_in(rate)
    return rate if number is None else _number("learning_rate", number, "[0, inf)")


def _one_minus_power(b: float, t: Any, like: Array) -> Any:
    """Return 1 − bᵗ, in ``like``'s dtype if JAX counts the steps: there bᵗ near 1 would cancel."""
    if isinstance(t, numbers.Integral):
        return 1 - b ** int(t)
    xp = namespace(like)
    return -xp.expm1(xp.astype(t, like.dtype) * (math.log(b) if b else -math.inf))


def _sqrt(a: Array) -> Array:
    return namespace(a).sqrt(a)


_INTERVALS: dict[str, Callable[[float], bool]] = {
    "[0, 1)": lambda x: 0 <= x < 1,
    "(0, 1]": lambda x: 0 < x <= 1,
    "[0, inf)": lambda x: 0 <= x < math.inf,
    "(0, inf)": lambda x: 0 < x < math.inf,
}


def _number(name: str, x: Any, interval: str) -> float:
    """Return ``x`` as a Python float: a NumPy one would turn float32 arrays into float64 ones."""
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {type(x).__name__}")
    if not _INTERVALS[interval](number := float(x)):
        raise ValueError(f"{name} must be in {interval}, got {number}")
    return number
