"""Penalties on the size of the weights. Derivation: ``docs/derivations/l2.md``."""

from handgrad.arrays.namespace import Array, namespace, zeros
from handgrad.rules.rule import Pullback
from handgrad.validation import check_reg

__all__ = ["half_squares", "l2"]


def l2(W: Array, *, reg: float) -> tuple[Array, Pullback]:
    """Return the penalty R = ½ reg Σ W² and its pullback, dW = dR · reg W.

    Parameters
    ----------
    W : array of any shape, float32 or float64
        Weights.
    reg : float
        Strength of the penalty, zero or more.

    Returns
    -------
    R : 0-d array, W's dtype
    backward : callable
        ``(dW,) = backward(dR)`` with dR a scalar.

    Raises
    ------
    TypeError
        If W is not a real floating array or reg is not a real number.
    ValueError
        If reg is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import l2
    >>> R, backward = l2(np.array([[1.0, 2.0]]), reg=0.5)
    >>> float(R), backward(1.0)
    (1.25, (array([[0.5, 1. ]]),))

    References
    ----------
    ``docs/derivations/l2.md``.
    """
    namespace(W)
    reg = check_reg(reg, W.dtype)
    R = half_squares(W, reg)

    def backward(dR: Array) -> tuple[Array]:
        return (dR * reg * W,)

    return R, backward


def half_squares(W: Array, reg: float) -> Array:
    """Return ½ reg Σ W², without an array of all the squares; with reg = 0 it is 0 even where W² overflows."""
    if isinstance(reg, float) and reg == 0:
        return zeros((), W)[()]
    xp = namespace(W)
    return reg / 2 * xp.sum(xp.vecdot(W, W) if W.ndim else W * W)
