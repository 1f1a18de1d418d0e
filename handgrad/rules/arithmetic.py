"""Arithmetic, entry by entry, on arrays whose shapes broadcast: z = f(x, y), and under it dx and dy.

Where an argument was repeated to fit the other, each copy of an entry receives a cotangent, and they add up: the sum
over the repeated axes undoes the broadcasting.
"""

from handgrad.arrays.namespace import Array, check_same_library, is_array, namespace
from handgrad.rules.broadcasting import broadcasting, check_broadcast, check_operands, unbroadcast
from handgrad.rules.rule import ALL_NEEDED, Cotangents, Needs, Pullback, entrywise

# fmt: off
__all__ = [
    "absolute", "add", "divide", "exp", "expm1", "log", "log1p", "maximum", "minimum", "multiply", "negative", "power",
    "sqrt", "subtract", "where",
]
# fmt: on


@broadcasting("dx = dz, dy = dz")
def add(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = x + y, and its pullback.

    >>> z, backward = add(np.ones((2, 3)), np.array([1.0, 2.0, 3.0]))
    >>> dx, dy = backward(np.ones((2, 3)))
    >>> z[0], dx.shape, dy
    (array([2., 3., 4.]), (2, 3), array([2., 2., 2.]))
    """
    check_operands("add", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = unbroadcast(dz, x, copy=True) if needs[0] else None
        dy = unbroadcast(dz, y, copy=True) if needs[1] else None
        return dx, dy

    return x + y, backward


@broadcasting("dx = dz, dy = −dz")
def subtract(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = x − y, and its pullback.

    >>> z, backward = subtract(np.array([5.0, 7.0]), np.array(1.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, float(dy)
    (array([4., 6.]), array([1., 1.]), -2.0)
    """
    check_operands("subtract", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = unbroadcast(dz, x, copy=True) if needs[0] else None
        dy = unbroadcast(-dz, y) if needs[1] else None
        return dx, dy

    return x - y, backward


@broadcasting("dx = dz y, dy = dz x")
def multiply(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = x y, and its pullback.

    >>> z, backward = multiply(np.array([2.0, 3.0]), np.array(10.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, float(dy)
    (array([20., 30.]), array([10., 10.]), 5.0)
    """
    check_operands("multiply", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = unbroadcast(dz * y, x) if needs[0] else None
        dy = unbroadcast(dz * x, y) if needs[1] else None
        return dx, dy

    return x * y, backward


@broadcasting("dx = dz / y, dy = −dz x / y²")
def divide(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = x / y, and its pullback.

    dy is computed as −(dz / y) (x / y): y² overflows from y = 1e154 on and vanishes below 1e-162.

    >>> z, backward = divide(np.array([2.0, 4.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, float(dy)
    (array([1., 2.]), array([0.5, 0.5]), -1.5)
    """
    check_operands("divide", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = unbroadcast(dz / y, x) if needs[0] else None
        dy = unbroadcast(-(dz / y) * (x / y), y) if needs[1] else None
        return dx, dy

    return x / y, backward


@broadcasting("dx = dz y xʸ⁻¹, dy = dz xʸ log x")
def power(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = xʸ, and its pullback.

    Where x = y = 0 both cotangents are 0, and dy is 0 where x = 0 < y, its limit. Where x < 0, y must be whole, and dy
    does not exist: it is NaN.

    >>> z, backward = power(np.array([1.0, 3.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(2))
    >>> z, dx, round(float(dy), 4)
    (array([1., 9.]), array([2., 6.]), 9.8875)
    """
    xp = check_operands("power", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = dy = None
        if needs[0]:
            exponent = xp.where((x == 0) & (y == 0), 0, y - 1)
            dx = unbroadcast(dz * (y * x**exponent), x)
        if needs[1]:
            dy = unbroadcast(dz * (x**y * xp.log(xp.where(x == 0, 1, x))), y)
        return dx, dy

    return x**y, backward


@broadcasting("dx = dz [x > y], dy = dz [y > x]")
def maximum(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = max(x, y), and its pullback.

    Where x = y each receives half. ``relu`` differs from ``maximum(z, 0)`` at its kink, where its slope is 0.

    >>> z, backward = maximum(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(3))
    >>> z, dx, float(dy)
    (array([2., 2., 3.]), array([0. , 0.5, 1. ]), 1.5)
    """
    xp = check_operands("maximum", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        half = xp.where(x == y, dz / 2, 0)
        dx = unbroadcast(xp.where(x > y, dz, half), x) if needs[0] else None
        dy = unbroadcast(xp.where(y > x, dz, half), y) if needs[1] else None
        return dx, dy

    return xp.maximum(x, y), backward


@broadcasting("dx = dz [x < y], dy = dz [y < x]")
def minimum(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Return z = min(x, y), and its pullback.

    Where x = y each receives half.

    >>> z, backward = minimum(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    >>> dx, dy = backward(np.ones(3))
    >>> z, dx, float(dy)
    (array([1., 2., 2.]), array([1. , 0.5, 0. ]), 1.5)
    """
    xp = check_operands("minimum", x, y)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        half = xp.where(x == y, dz / 2, 0)
        dx = unbroadcast(xp.where(x < y, dz, half), x) if needs[0] else None
        dy = unbroadcast(xp.where(y < x, dz, half), y) if needs[1] else None
        return dx, dy

    return xp.minimum(x, y), backward


@broadcasting("dz goes to whichever was taken")
def where(x: Array, y: Array, *, condition: Array) -> tuple[Array, Pullback]:
    """Return z = x where the condition holds, else y, and its pullback.

    An entry that was not taken receives 0, even where it is infinite or NaN. The condition is a boolean array whose
    shape broadcasts with those of x and y.

    >>> z, backward = where(np.array([1.0, 2.0]), np.array(9.0), condition=np.array([True, False]))
    >>> dx, dy = backward(np.array([5.0, 7.0]))
    >>> z, dx, float(dy)
    (array([1., 9.]), array([5., 0.]), 7.0)
    """
    xp = check_operands("where", x, y)
    if not is_array(condition):
        raise TypeError(f"where: condition must be a boolean array, got {type(condition).__name__}")
    if type(condition) is not type(x):
        check_same_library("where: condition", condition, xp, "x and y")
    if not xp.isdtype(condition.dtype, "bool"):
        raise TypeError(f"where: condition must be a boolean array, got dtype {condition.dtype}")
    for a in (x, y):
        check_broadcast("where", condition.shape, a.shape)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> Cotangents:
        dx = unbroadcast(xp.where(condition, dz, 0), x) if needs[0] else None
        dy = unbroadcast(xp.where(condition, 0, dz), y) if needs[1] else None
        return dx, dy

    return xp.where(condition, x, y), backward


@entrywise("dx = −dz")
def negative(x: Array) -> tuple[Array, Pullback]:
    """Return z = −x, and its pullback.

    >>> z, backward = negative(np.array([1.0, -2.0]))
    >>> z, backward(np.ones(2))
    (array([-1.,  2.]), (array([-1., -1.]),))
    """
    namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (-dz,)

    return -x, backward


@entrywise("dx = dz eˣ")
def exp(x: Array) -> tuple[Array, Pullback]:
    """Return z = eˣ, and its pullback.

    >>> z, backward = exp(np.array([0.0, 1.0]))
    >>> z.round(4), backward(np.array([2.0, 0.0]))
    (array([1.    , 2.7183]), (array([2., 0.]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dz * xp.exp(x),)

    return xp.exp(x), backward


@entrywise("dx = dz eˣ")
def expm1(x: Array) -> tuple[Array, Pullback]:
    """Return z = eˣ − 1, accurate where x is near 0, and its pullback.

    The slope is not computed as z + 1, which is 0 below x = −37.4.

    >>> z, backward = expm1(np.array([1e-20, -50.0]))
    >>> z, backward(np.ones(2))
    (array([ 1.e-20, -1.e+00]), (array([1.00000000e+00, 1.92874985e-22]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dz * xp.exp(x),)

    return xp.expm1(x), backward


@entrywise("dx = dz / x")
def log(x: Array) -> tuple[Array, Pullback]:
    """Return z = log x, the natural logarithm, and its pullback, for x > 0.

    >>> z, backward = log(np.array([1.0, 4.0]))
    >>> z.round(4), backward(np.ones(2))
    (array([0.    , 1.3863]), (array([1.  , 0.25]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dz / x,)

    return xp.log(x), backward


@entrywise("dx = dz / (1 + x)")
def log1p(x: Array) -> tuple[Array, Pullback]:
    """Return z = log(1 + x), accurate where x is near 0, and its pullback, for x > −1.

    >>> z, backward = log1p(np.array([1e-20, 1.0]))
    >>> z, backward(np.ones(2))
    (array([1.00000000e-20, 6.93147181e-01]), (array([1. , 0.5]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dz / (1 + x),)

    return xp.log1p(x), backward


@entrywise("dx = dz / (2 √x)")
def sqrt(x: Array) -> tuple[Array, Pullback]:
    """Return z = √x, and its pullback, for x ≥ 0. At x = 0 the slope is infinite.

    >>> z, backward = sqrt(np.array([1.0, 4.0]))
    >>> z, backward(np.ones(2))
    (array([1., 2.]), (array([0.5 , 0.25]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (dz / (2 * xp.sqrt(x)),)

    return xp.sqrt(x), backward


@entrywise("dx = dz where x ≥ 0, else −dz")
def absolute(x: Array) -> tuple[Array, Pullback]:
    """Return ``z = |x|``, and its pullback. At the kink x = 0 the slope is 1.

    >>> z, backward = absolute(np.array([-2.0, 0.0, 3.0]))
    >>> z, backward(np.ones(3))
    (array([2., 0., 3.]), (array([-1.,  1.,  1.]),))
    """
    xp = namespace(x)

    def backward(dz: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.where(x >= 0, dz, -dz),)

    return xp.abs(x), backward
