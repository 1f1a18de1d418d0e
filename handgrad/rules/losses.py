"""Losses over scores and labels. Derivation: ``docs/derivations/softmax_cross_entropy.md``."""

from handgrad.arrays.namespace import Array, arange, namespace
from handgrad.rules.rule import ALL_NEEDED, Needs, Pullback, formula
from handgrad.validation import check_labels

__all__ = ["softmax_cross_entropy"]


@formula("ds = dL (p − 1[j = y]) / N")
def softmax_cross_entropy(scores: Array, *, labels: Array) -> tuple[Array, Pullback]:
    """Return the mean cross-entropy of the softmax, L = 1/N Σₙ −log p(n, yₙ), and its pullback.

    See eq. softmax_cross_entropy-ds, with s one row of the scores and p = softmax(s). The label's entry is computed
    as −Σ_{j≠y} p_j, and the loss of a leading label as log1p(Σ_{j≠y} e^{s_j − s_y}), eq. softmax_cross_entropy-rest and
    eq. softmax_cross_entropy-log1p: the same numbers without the cancellation by which p_y − 1 and log p_y lose every
    digit as p_y nears 1.

    Parameters
    ----------
    scores : (N, C) array, float32 or float64
        Logits, one example a row.
    labels : (N,) array of integers in [0, C)
        The correct class of each example.

    Returns
    -------
    L : 0-d array, the scores' dtype
        In nats.
    backward : callable
        ``(dscores,) = backward(dL)`` with dL a scalar and dscores (N, C).

    Raises
    ------
    TypeError
        If the scores are not real floating or the labels are not integers; booleans do not count as integers.
    ValueError
        If the shapes do not fit, the batch is empty, or a label lies outside [0, C).

    >>> L, backward = softmax_cross_entropy(np.array([[50.0, 0.0]]), labels=np.array([0]))
    >>> (dscores,) = backward(1.0)
    >>> bool(L == np.exp(-50.0)), bool(dscores[0, 0] == -np.exp(-50.0))  # -log p_y and p_y - 1 give 0
    (True, True)
    """
    xp = namespace(scores)
    if scores.ndim != 2:
        raise ValueError(f"softmax_cross_entropy: scores must be (N, C), got {scores.shape}")
    N, C = scores.shape
    check_labels(labels, xp, N, C, name="labels", reference="the scores")
    return unchecked_softmax_cross_entropy(scores, labels)


def unchecked_softmax_cross_entropy(scores: Array, labels: Array) -> tuple[Array, Pullback]:
    """Return :func:`softmax_cross_entropy` of arguments that the caller has checked."""
    xp = namespace(scores)
    N, C = scores.shape
    classes = arange(C, scores)
    labels = xp.astype(labels, classes.dtype, copy=False)
    is_label = labels[:, None] == classes  # (N, C)

    t = scores - xp.max(scores, axis=1, keepdims=True)  # (N, C), at most 0: no exponential overflows
    e = xp.exp(t)  # (N, C)
    t_y = t[arange(N, scores), labels][:, None]  # (N, 1)
    e_y = xp.exp(t_y)  # (N, 1), exactly 1 where the label leads
    rest = xp.sum(xp.where(is_label, 0, e), axis=1, keepdims=True)  # (N, 1), Σ_{j≠y} e_j
    L = xp.sum(xp.log1p(rest + (e_y - 1)) - t_y) / N

    def backward(dL: Array, needs: Needs = ALL_NEEDED) -> tuple[Array]:
        return (xp.where(is_label, -rest, e) * (dL / N / (rest + e_y)),)

    return L, backward
