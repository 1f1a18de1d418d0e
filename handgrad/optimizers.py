"""Optimisers: how a gradient becomes the next parameters. The interface is optax's.

An optimiser is two pure functions: ``state = opt.init(params)``, then ``updates, state = opt.update(grads, state,
params)`` and ``params = apply_updates(params, updates)`` for each step. Nothing that is passed in is written to.
"""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from handgrad.namespace import Array, namespace

__all__ = ["Optimizer", "Schedule", "State", "apply_updates", "exponential_decay", "sgd"]

#: What an optimiser remembers from step to step: a dict of arrays, numbers, and dicts of them.
State: TypeAlias = dict[str, Any]

#: The learning rate as a function of the number of steps taken before.
Schedule: TypeAlias = Callable[[int], float]


class Optimizer(NamedTuple):
    """An optimiser, as the two functions that ``optax.GradientTransformation`` has.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.optimizers import apply_updates, sgd
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
    >>> from handgrad.optimizers import apply_updates
    >>> apply_updates({"b1": np.array([1.0])}, {"b1": np.array([-0.25])})
    {'b1': array([0.75])}

    References
    ----------
    H. Robbins, S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22(3), 1951.
    """
    _check_like(params, updates, "updates")
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
    >>> from handgrad.optimizers import apply_updates, sgd
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
    if not callable(learning_rate):
        learning_rate = _check_learning_rate(learning_rate)
    m = _real("momentum", momentum)
    if not 0 <= m < 1:
        raise ValueError(f"momentum expected a number in [0, 1), given {m}")
    if nesterov and m == 0:
        raise ValueError("nesterov expected a momentum above 0, given momentum = 0")

    def rate_at(step: int) -> float:
        return _check_learning_rate(learning_rate(step)) if callable(learning_rate) else learning_rate

    def init(params: Mapping[str, Array]) -> State:
        state: State = {"step": 0, "learning_rate": rate_at(0)}
        if m:
            state["velocity"] = {name: namespace(p).zeros_like(p) for name, p in params.items()}
        return state

    def update(
        grads: Mapping[str, Array], state: Mapping[str, Any], params: Mapping[str, Array]
    ) -> tuple[dict[str, Array], State]:
        _check_like(params, grads, "grads")
        alpha = rate_at(state["step"])
        next_state: State = {"step": state["step"] + 1, "learning_rate": alpha}
        direction = dict(grads)
        if m:
            _check_like(params, state.get("velocity", {}), "velocity")
            v = {name: g + m * state["velocity"][name] for name, g in grads.items()}
            next_state["velocity"] = v
            direction = {name: g + m * v[name] for name, g in grads.items()} if nesterov else v
        return {name: -alpha * d for name, d in direction.items()}, next_state

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
    >>> from handgrad.optimizers import exponential_decay
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
    alpha = _real("learning_rate", rate)
    if not 0 <= alpha < math.inf:
        raise ValueError(f"learning_rate expected a finite number, 0 or more, given {alpha}")
    return alpha


def _real(name: str, x: Any) -> float:
    """Return ``x`` as a Python float: a NumPy one would turn float32 arrays into float64 ones."""
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        raise TypeError(f"{name} expected a real number, given {type(x).__name__}")
    return float(x)


def _check_like(params: Mapping[str, Array], arrays: Mapping[str, Array], what: str) -> None:
    """Raise unless ``arrays`` have the keys, shapes and dtypes of ``params``."""
    if arrays.keys() != params.keys():
        expected, given = (", ".join(map(str, d)) or "none" for d in (params, arrays))
        raise ValueError(f"{what} expected the parameters' keys {expected}, given {given}")
    for name, p in params.items():
        a = arrays[name]
        if a.shape != p.shape:
            raise ValueError(f"{what} expected shape {p.shape} for {name}, given {a.shape}")
        if a.dtype != p.dtype:
            raise TypeError(f"{what} expected dtype {p.dtype} for {name}, given {a.dtype}")
