"""Penalties on the size of the weights. Derivation: ``docs/derivations/l2.md``."""

from handgrad.arrays.namespace import Array, namespace, zeros
from handgrad.rules.rule import ALL_NEEDED, Needs, Pullback, formula
from handgrad.validation import check_reg

__all__ = ["l2"]


@formula("dW = dR · reg W")
def l2(W: Array, *, reg: float) -> tuple[Array, Pullback]:
    """Return the penalty R = ½ reg Σ W² and its pullback.

    Parameters
    ----------
    W : array of any shape, float32 or float64
        Weights.
    reg : float
        Strength of the penalty, 0 or more.

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

    >>> R, backward = l2(np.array([[1.0, 2.0]]), reg=0.5)
    >>> float(R), backward(1.0)
    (1.25, (array([[0.5, 1. ]]),))
    """
    namespace(W)
    reg = check_reg(reg, W.dtype)
    R = l2_value(W, reg)

    def backward(dR: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dR * reg * W,)

    return R, backward


def l2_value(W: Array, reg: float) -> Array:
    """Return ½ reg Σ W², without an array of all the squares; it is 0 if reg is 0, even where W² overflows."""
    if isinstance(reg, float) and reg == 0:
        return zeros((), W)[()]
    xp = namespace(W)
    return reg / 2 * xp.sum(xp.vecdot(W, W) if W.ndim else W * W)
