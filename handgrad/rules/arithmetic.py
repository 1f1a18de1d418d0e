"""Arithmetic, entry by entry, on arrays whose shapes broadcast: z = f(x, y), and under it dx and dy.

Where an argument was repeated to fit the other, each copy of an entry receives a cotangent, and they add up: the sum
over the repeated axes undoes the broadcasting. A pullback of two cotangents takes ``needs``, and gives None for the one
that is not needed.
"""

from collections.abc import Callable

from handgrad.arrays.namespace import Array, namespace, require_alike
from handgrad.rules.broadcasting import BOTH, Cotangents, operands, require_broadcast, unbroadcast
from handgrad.rules.rule import Pullback

# fmt: off
__all__ = [
    "absolute", "add", "divide", "exp", "expm1", "log", "log1p", "maximum", "minimum", "multiply", "negative", "power",
    "sqrt", "subtract", "where",
]
# fmt: on


def add(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = x + y, and its pullback dx = dz, dy = dz, each summed over the axes that were repeated.

    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import add
    >>> z, backward = add(np.ones((2, 3)), np.array([1.0, 2.0, 3.0]))
    >>> dx, dy = backward(np.ones((2, 3)))
    >>> z[0], dx.shape, dy
    (array([2., 3., 4.]), (2, 3), array([2., 2., 2.]))

    References
    ----------
    ``docs/derivations/add.md``.
    """
    operands("add", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        dx = unbroadcast(dz, x, copy=True) if needs[0] else None
        dy = unbroadcast(dz, y, copy=True) if needs[1] else None
        return dx, dy

    return x + y, backward


def subtract(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = x − y, and its pullback dx = dz, dy = −dz, each summed over the axes that were repeated.

    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import subtract
    >>> z, backward = subtract(np.array([5.0, 7.0]), np.array(1.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, float(dy)
    (array([4., 6.]), array([1., 1.]), -2.0)

    References
    ----------
    ``docs/derivations/subtract.md``.
    """
    operands("subtract", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        dx = unbroadcast(dz, x, copy=True) if needs[0] else None
        dy = unbroadcast(-dz, y) if needs[1] else None
        return dx, dy

    return x - y, backward


def multiply(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = x y, and its pullback dx = dz y, dy = dz x, each summed over the axes that were repeated.

    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import multiply
    >>> z, backward = multiply(np.array([2.0, 3.0]), np.array(10.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, float(dy)
    (array([20., 30.]), array([10., 10.]), 5.0)

    References
    ----------
    ``docs/derivations/multiply.md``.
    """
    operands("multiply", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        dx = unbroadcast(dz * y, x) if needs[0] else None
        dy = unbroadcast(dz * x, y) if needs[1] else None
        return dx, dy

    return x * y, backward


def divide(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = x / y, and its pullback dx = dz / y, dy = −dz x / y², each summed over the axes that were repeated.

    Computed as −(dz / y) (x / y): y² overflows from y = 1e154 on and vanishes below 1e-162.
    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import divide
    >>> z, backward = divide(np.array([2.0, 4.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, float(dy)
    (array([1., 2.]), array([0.5, 0.5]), -1.5)

    References
    ----------
    ``docs/derivations/divide.md``.
    """
    operands("divide", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        dx = unbroadcast(dz / y, x) if needs[0] else None
        dy = unbroadcast(-(dz / y) * (x / y), y) if needs[1] else None
        return dx, dy

    return x / y, backward


def power(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = xʸ, and its pullback dx = dz y xʸ⁻¹, dy = dz xʸ log x, each summed over the axes that were repeated.

    Where x = 0 = y both are 0, and dy is 0 where x = 0 < y, as the limit is. Where x < 0, y must be whole, and dy is
    NaN: there is none.
    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import power
    >>> z, backward = power(np.array([1.0, 3.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, round(float(dy), 4)
    (array([1., 9.]), array([2., 6.]), 9.8875)

    References
    ----------
    ``docs/derivations/power.md``.
    """
    xp = operands("power", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        dx = dy = None
        if needs[0]:
            exponent = xp.where((x == 0) & (y == 0), 0, y - 1)
            dx = unbroadcast(dz * (y * x**exponent), x)
        if needs[1]:
            dy = unbroadcast(dz * (x**y * xp.log(xp.where(x == 0, 1, x))), y)
        return dx, dy

    return x**y, backward


def maximum(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = max(x, y), and its pullback dx = dz [x > y], dy = dz [y > x]; equals receive half each.

    What was repeated is summed over. ``relu`` differs from ``maximum(z, 0)`` at its kink: there its slope is 0.
    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import maximum
    >>> z, backward = maximum(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(3))
    >>> z, dx, float(dy)
    (array([2., 2., 3.]), array([0. , 0.5, 1. ]), 1.5)

    References
    ----------
    ``docs/derivations/maximum.md``.
    """
    xp = operands("maximum", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        half = xp.where(x == y, dz / 2, 0)
        dx = unbroadcast(xp.where(x > y, dz, half), x) if needs[0] else None
        dy = unbroadcast(xp.where(y > x, dz, half), y) if needs[1] else None
        return dx, dy

    return xp.maximum(x, y), backward


def minimum(x: Array, y: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = min(x, y), and its pullback dx = dz [x < y], dy = dz [y < x]; equals receive half each.

    What was repeated is summed over.
    x and y are float32 or float64, both the same, of shapes that broadcast; dx and dy are like them. A TypeError or
    ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import minimum
    >>> z, backward = minimum(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(3))
    >>> z, dx, float(dy)
    (array([1., 2., 2.]), array([1. , 0.5, 0. ]), 1.5)

    References
    ----------
    ``docs/derivations/minimum.md``.
    """
    xp = operands("minimum", x, y)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        half = xp.where(x == y, dz / 2, 0)
        dx = unbroadcast(xp.where(x < y, dz, half), x) if needs[0] else None
        dy = unbroadcast(xp.where(y < x, dz, half), y) if needs[1] else None
        return dx, dy

    return xp.minimum(x, y), backward


def where(x: Array, y: Array, *, condition: Array) -> tuple[Array, Callable[..., Cotangents]]:
    """Return z = x where the condition holds, else y, and its pullback: dz goes to whichever was taken.

    What was repeated is summed over. An entry that was not taken receives 0, even where it is infinite or NaN.
    x and y are float32 or float64, both the same, the condition is boolean, and the three shapes broadcast; dx and dy
    are like x and y. A TypeError or ValueError says what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import where
    >>> z, backward = where(np.array([1.0, 2.0]), np.array(9.0), condition=np.array([True, False]))
    >>> dx, dy = backward(np.array([5.0, 7.0]))
    >>> z, dx, float(dy)
    (array([1., 9.]), array([5., 0.]), 7.0)

    References
    ----------
    ``docs/derivations/where.md``.
    """
    xp = operands("where", x, y)
    if not hasattr(condition, "dtype"):
        raise TypeError(f"where expected a boolean condition, given {type(condition).__name__}")
    if type(condition) is not type(x):
        require_alike("where: condition", condition, xp, "x and y")
    if not xp.isdtype(condition.dtype, "bool"):
        raise TypeError(f"where expected a boolean condition, given {condition.dtype}")
    for a in (x, y):
        require_broadcast("where", condition.shape, a.shape)

    def backward(dz: Array, needs: tuple[bool, bool] = BOTH) -> Cotangents:
        dx = unbroadcast(xp.where(condition, dz, 0), x) if needs[0] else None
        dy = unbroadcast(xp.where(condition, 0, dz), y) if needs[1] else None
        return dx, dy

    return xp.where(condition, x, y), backward


def negative(x: Array) -> tuple[Array, Pullback]:
    """Return z = −x, and its pullback dx = −dz.

    x is float32 or float64, of any shape; z, dz and dx are like it. Anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import negative
    >>> z, backward = negative(np.array([1.0, -2.0]))
    >>> z, backward(np.ones(2))
    (array([-1.,  2.]), (array([-1., -1.]),))

    References
    ----------
    ``docs/derivations/negative.md``.
    """
    namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (-dz,)

    return -x, backward


def exp(x: Array) -> tuple[Array, Pullback]:
    """Return z = eˣ, and its pullback dx = dz eˣ.

    x is float32 or float64, of any shape; z, dz and dx are like it. Anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import exp
    >>> z, backward = exp(np.array([0.0, 1.0]))
    >>> z.round(4), backward(np.array([2.0, 0.0]))
    (array([1.    , 2.7183]), (array([2., 0.]),))

    References
    ----------
    ``docs/derivations/exp.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (dz * xp.exp(x),)

    return xp.exp(x), backward


def expm1(x: Array) -> tuple[Array, Pullback]:
    """Return z = eˣ − 1, accurate where x is near 0, and its pullback dx = dz eˣ.

    The slope is not computed as z + 1, which is 0 below x = −37.4.
    x is float32 or float64, of any shape; z, dz and dx are like it. Anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import expm1
    >>> z, backward = expm1(np.array([1e-20, -50.0]))
    >>> z, backward(np.ones(2))
    (array([ 1.e-20, -1.e+00]), (array([1.00000000e+00, 1.92874985e-22]),))

    References
    ----------
    ``docs/derivations/expm1.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (dz * xp.exp(x),)

    return xp.expm1(x), backward


def log(x: Array) -> tuple[Array, Pullback]:
    """Return z = log x, the natural logarithm, and its pullback dx = dz / x.

    x is float32 or float64, of any shape, and positive; z, dz and dx are like it. Anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import log
    >>> z, backward = log(np.array([1.0, 4.0]))
    >>> z.round(4), backward(np.ones(2))
    (array([0.    , 1.3863]), (array([1.  , 0.25]),))

    References
    ----------
    ``docs/derivations/log.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (dz / x,)

    return xp.log(x), backward


def log1p(x: Array) -> tuple[Array, Pullback]:
    """Return z = log(1 + x), accurate where x is near 0, and its pullback dx = dz / (1 + x).

    x is float32 or float64, of any shape, and above −1; z, dz and dx are like it. Anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import log1p
    >>> z, backward = log1p(np.array([1e-20, 1.0]))
    >>> z, backward(np.ones(2))
    (array([1.00000000e-20, 6.93147181e-01]), (array([1. , 0.5]),))

    References
    ----------
    ``docs/derivations/log1p.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (dz / (1 + x),)

    return xp.log1p(x), backward


def sqrt(x: Array) -> tuple[Array, Pullback]:
    """Return z = √x, and its pullback dx = dz / (2 √x).

    x is float32 or float64, of any shape, and not negative; z, dz and dx are like it. Anything else is a TypeError. At
    x = 0 the slope is infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import sqrt
    >>> z, backward = sqrt(np.array([1.0, 4.0]))
    >>> z, backward(np.ones(2))
    (array([1., 2.]), (array([0.5 , 0.25]),))

    References
    ----------
    ``docs/derivations/sqrt.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (dz / (2 * xp.sqrt(x)),)

    return xp.sqrt(x), backward


def absolute(x: Array) -> tuple[Array, Pullback]:
    """Return ``z = |x|``, and its pullback dx = dz where x ≥ 0, else −dz: at the kink x = 0 the slope is 1.

    x is float32 or float64, of any shape; z, dz and dx are like it. Anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad.rules import absolute
    >>> z, backward = absolute(np.array([-2.0, 0.0, 3.0]))
    >>> z, backward(np.ones(3))
    (array([2., 0., 3.]), (array([-1.,  1.,  1.]),))

    References
    ----------
    ``docs/derivations/absolute.md``.
    """
    xp = namespace(x)

    def backward(dz: Array) -> tuple[Array]:
        return (xp.where(x >= 0, dz, -dz),)

    return xp.abs(x), backward
