"""The gradient over more data than fits in memory."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from handgrad.arrays.namespace import Array

__all__ = ["accumulate"]


def accumulate(
    loss_and_grad: Callable[..., tuple[Array, Mapping[str, Array]]],
    params: Mapping[str, Array],
    batches: Iterable[tuple[Array, Array]],
    reg: float = 0.0,
    **options: Any,
) -> tuple[Array, dict[str, Array]]:
    """Return the objective J and its gradient over all batches, in the memory that one of them takes.

    J is a mean over examples plus a penalty. So with n examples in a batch and N in total it is Σ n/N · J(batch):
    batches may differ in size, and the penalty counts once.

    Parameters
    ----------
    loss_and_grad : callable
        ``loss, grads = loss_and_grad(params, X, y, reg, **options)``, such as ``two_layer.loss_and_grad``.
    params : dict of arrays
    batches : iterable of pairs (X, y)
        Each is released before the next is taken, so a generator over memory-mapped files will do.
    reg : float
        Strength of the L2 penalty.
    **options
        Passed on, such as ``activation=``.

    Returns
    -------
    J : 0-d array, the parameters' dtype
    grads : dict
        A new array for each parameter, of its shape and dtype.

    Raises
    ------
    TypeError, ValueError
        Whatever ``loss_and_grad`` raises; if there is no batch.

    Examples
    --------
    >>> import numpy as np
    >>> from handgrad import accumulate, datasets, init_params, two_layer
    >>> X, y = datasets.digits()
    >>> params = init_params([64, 20, 10], rng=np.random.default_rng(0))
    >>> J, grads = accumulate(two_layer.loss_and_grad, params, ((X[i::7], y[i::7]) for i in range(7)), 0.1)
    >>> whole, _ = two_layer.loss_and_grad(params, X, y, 0.1)
    >>> bool(np.isclose(J, whole, rtol=1e-14))
    True

    References
    ----------
    ``docs/derivations/sgd.md``.
    """
    N, J, total = 0, 0.0, dict[str, Array]()
    for X, y in batches:
        n = X.shape[0]
        loss, grads = loss_and_grad(params, X, y, reg, **options)
        N, J = N + n, J + n * loss
        for name, g in grads.items():
            if name in total:
                total[name] += n * g
            else:
                total[name] = n * g
        del X, y, grads, g  # before the next batch is created
    if N == 0:
        raise ValueError("batches must hold at least one (X, y), got none")
    return J / N, {name: g / N for name, g in total.items()}
