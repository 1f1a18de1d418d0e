"""The table of mistakes: what people write in the place of each step of the backward pass.

A row is a formula of ``q``, the quantities of that step under the derivation's names: of the loss a ``ForwardPass``, of
the scores a ``Scores``, of a layer a ``Layer``, of a penalty a ``PenaltyTerm``. The rows stand under their causes, and
an earlier one is preferred where two give the same numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.perceptrons.forward_pass import is_weight, softmax, value_and_slope

__all__ = [
    "BIASES",
    "BIAS_PENALTIES",
    "HIDDEN",
    "LOSSES",
    "PENALTIES",
    "PENALTIES_OF_LOSS",
    "SCORES",
    "WEIGHTS",
    "WEIGHT_PENALTIES",
    "Mistake",
    "mistakes",
]

Array = NDArray[Any]
Formula = Callable[..., Any]


@dataclass(frozen=True)
class Mistake:
    """A wrong formula, its cause, and how the verdict writes it."""

    cause: str
    algebra: str
    formula: Formula
    #: True if it treats the examples of a batch differently, so that a batch of one cannot show it.
    needs_batch: bool = False
    #: True if it takes something from elsewhere in the network, which a lone rule does not have.
    needs_network: bool = False
    #: True if it uses weights that a step of gradient descent has changed: the penalty reaches through them.
    uses_updated_weights: bool = False
    #: True if its numbers are exact: rounding excuses nothing.
    exact: bool = False


#: Formulas by how a verdict writes them; a table has them under their causes.
Rows = dict[str, Formula | Mistake]


def mistakes(table: Mapping[str, Rows]) -> tuple[Mistake, ...]:
    """Return the rows of a table: formulas, or what :func:`_row` makes of one."""
    return tuple(
        replace(row, cause=cause, algebra=algebra) if isinstance(row, Mistake) else Mistake(cause, algebra, row)
        for cause, rows in table.items()
        for algebra, row in rows.items()
    )


def _row(formula: Formula, **flags: bool) -> Mistake:
    """Return a row with flags, whose table gives it its cause and algebra."""
    return Mistake("", "", formula, **flags)


#: A row that looks at another layer, or at the labels from inside of the network.
_elsewhere = partial(_row, needs_network=True)


# ------------------------------------------------------------------------------------- mistakes that any step may have


def _factors(name: str, term: str, right: Formula) -> dict[str, Rows]:
    """Return a table of a correct term with a wrong sign or factor."""
    return {
        "sign-flipped": {f"{name} = −{term}": lambda q: -right(q)},
        "factor-wrong": {f"{name} = 2 {term}": lambda q: 2 * right(q), f"{name} = ½ {term}": lambda q: right(q) / 2},
    }


def _clipped(name: str, right: Formula, *limits: float) -> Rows:
    return {f"{name} clipped to ±{c:g}": lambda q, c=c: np.clip(right(q), -c, c) for c in limits}


def _rounded(**formulas: Formula) -> Rows:
    """Return rows that round what each is named after, by formulas of q and the function that rounds."""

    def rounds_to(dtype: type, formula: Formula) -> Formula:
        return lambda q: formula(q, lambda a: a.astype(dtype).astype(float))

    dtypes = (np.float32, np.float16)
    return {f"{what} rounded to {np.dtype(t)}": rounds_to(t, f) for t in dtypes for what, f in formulas.items()}


def _without_rows(name: str, of: Formula) -> Rows:
    """Return rows for a sum over the batch, a formula of q and a slice of the examples, that leaves some out."""
    return {
        f"{name} without the last row": lambda q: of(q, slice(max(q.N - 1, 1))),
        f"{name} without the first row": lambda q: of(q, slice(min(1, q.N - 1), None)),
        **_in_blocks(f"{name} without the rows", lambda q, n: of(q, slice(n))),
    }


def _in_blocks(name: str, of: Formula) -> Rows:
    """Return rows that leave out the last examples, by a formula of q and the number of examples in whole blocks."""

    def blocks_of(size: int) -> Mistake:
        return _row(lambda q: of(q, q.N if q.N < size else q.N // size * size), needs_batch=True)

    return {f"{name} after the last whole block of {size}": blocks_of(size) for size in (2, 4, 8)}


def _same(a: Array | None, b: Array) -> Array:
    """Return a where it has b's shape, else b: what shows only where two dimensions are equal."""
    return a if a is not None and a.shape == b.shape else b


# --------------------------------------------------------------------------------------------------- ds = (p − 1[y])/N


def _over(count: Formula) -> Formula:
    return lambda q: (q.p - q.onehot) / max(count(q), 1)


def _weighted(weight: Formula) -> Mistake:
    """Return a row that gives each example a weight."""
    return _row(lambda q: q.ds * weight(q).reshape(-1, 1), needs_batch=True)


def _through_softmax(q: Any, dp: Array) -> Array:
    """Return ds of a cotangent of the probabilities."""
    return np.asarray(q.p * (dp - np.sum(dp * q.p, axis=1, keepdims=True)))


def _class_count(q: Any) -> Array:
    """Return how often the class of each row occurs."""
    return np.asarray(np.sum(q.onehot, axis=0)[q.y])


SCORES = mistakes(
    {
        "mean-missing": {"ds = p − 1[y], without 1/N": lambda q: q.ds * q.mean_factor},
        "mean-twice": {"ds = (p − 1[y])/N²": lambda q: q.ds / q.mean_factor},
        "sign-flipped": {"ds = (1[y] − p)/N": lambda q: -q.ds},
        "one-hot-missing": {
            "ds = p/N": lambda q: q.p * q.weight,
            "ds = (p − y)/N, y the number of the class": lambda q: (q.p - q.y[:, None]) * q.weight,
            "ds = (p − 1)/N, at every class": lambda q: (q.p - 1) * q.weight,
        },
        "factor-wrong": {"ds = 2 (p − 1[y])/N": lambda q: 2 * q.ds, "ds = ½ (p − 1[y])/N": lambda q: q.ds / 2},
        "wrong-divisor": {
            "ds = (p − 1[y])/N": _over(lambda q: q.N),
            "ds = (p − 1[y])/(N − 1)": _over(lambda q: q.N - 1),
            "ds = (p − 1[y])/(N + 1)": _over(lambda q: q.N + 1),
            "ds = (p − 1[y])/C": _over(lambda q: q.C),
            "ds = (p − 1[y])/(N C)": _over(lambda q: q.N * q.C),
            "ds = (p − 1[y])/D": _elsewhere(_over(lambda q: q.h[0].shape[1])),
            "ds = (p − 1[y])/H": _elsewhere(_over(lambda q: q.h[q.depth - 1].shape[1])),
            "ds = (p − 1[y])/(number of rows with p_y ≤ 0.99)": _over(lambda q: np.sum(q.p_y <= 0.99)),
        },
        "softmax-jacobian": {
            "ds = −1[y] (1 − p)/N: the diagonal alone": lambda q: -q.onehot * (1 - q.p) * q.weight,
            "ds = −1[y]/p/N: no derivative of the softmax": lambda q: -q.onehot / q.p * q.weight,
            "ds = −1[y]/N": lambda q: -q.onehot * q.weight,
            "ds = p at j ≠ y, 0 at y": lambda q: np.where(q.onehot, 0, q.p) * q.weight,
            "ds = p (1 − p)/N": lambda q: q.p * (1 - q.p) * q.weight,
        },
        "activation-derivative-extra": {
            "ds = (p − 1[y]) p (1 − p)/N": lambda q: q.ds * q.p * (1 - q.p),
            "ds = Jᵀ(p − 1[y])/N, J = ∂p/∂s": lambda q: _through_softmax(q, q.ds),
            "ds = (p − 1[y]) p/N": lambda q: q.ds * q.p,
        },
        "softmax-twice": {
            "ds = (softmax(p) − 1[y])/N": lambda q: q.ds_of(softmax(q.p, 1)),
            "ds = Jᵀ(softmax(p) − 1[y])/N, J = ∂p/∂s": lambda q: _through_softmax(q, q.ds_of(softmax(q.p, 1))),
        },
        "softmax-axis": {
            "p = softmax over the batch": lambda q: q.ds_of(softmax(q.s, 0)),
            "p = softmax over everything": lambda q: q.ds_of(softmax(q.s, None)),
        },
        "another-loss": {
            "ds = (σ(s) − 1[y])/N": lambda q: q.ds_of(1 / (1 + np.exp(-q.s))),
            "ds = (s − 1[y])/N": lambda q: q.ds_of(q.s),
            "ds = 2 (s − 1[y])/N": lambda q: 2 * q.ds_of(q.s),
            "ds = (e^s − 1[y])/N": lambda q: q.ds_of(np.exp(q.s)),
            **{f"p = softmax(s/{T:g})": lambda q, T=T: q.ds_of(softmax(q.s / T, 1)) for T in (0.5, 2, 10)},
        },
        "class-wrong": {
            "1 subtracted at y + 1": lambda q: q.ds_with_labels((q.y + 1) % q.C),
            "1 subtracted at y − 1": lambda q: q.ds_with_labels((q.y - 1) % q.C),
            "1 subtracted at min(y, C − 2)": lambda q: q.ds_with_labels(np.minimum(q.y, max(q.C - 2, 0))),
            "1 subtracted at max(y, 1)": lambda q: q.ds_with_labels(np.maximum(q.y, min(1, q.C - 1))),
            "1 subtracted at C − 1 − y": lambda q: q.ds_with_labels(q.C - 1 - q.y),
            "1 subtracted at argmax s": lambda q: q.ds_with_labels(np.argmax(q.s, axis=1)),
            "1 subtracted at class 0": lambda q: q.ds_with_labels(0 * q.y),
            "1 subtracted in every column of the batch's labels": lambda q: (
                (q.p - np.isin(np.arange(q.C), q.y)) * q.weight
            ),
        },
        "wrong-cached-tensor": {
            "the labels of the row before": lambda q: q.ds_with_labels(np.roll(q.y, 1)),
            "the labels of the row after": lambda q: q.ds_with_labels(np.roll(q.y, -1)),
            "the labels backwards": lambda q: q.ds_with_labels(q.y[::-1]),
            "the labels sorted": lambda q: q.ds_with_labels(np.sort(q.y)),
            "the labels in the order of argsort y": lambda q: q.ds_with_labels(q.y[np.argsort(q.y)][np.argsort(q.y)]),
            "the first row's label in every row": lambda q: q.ds_with_labels(0 * q.y + q.y[0]),
        },
        "examples-dropped": {
            "ds = 0 where y = 0": _weighted(lambda q: q.y != 0),
            "ds = 0 where y = C − 1": _weighted(lambda q: q.y != q.C - 1),
            "ds = 0 in the last row": _weighted(lambda q: q.rows < q.N - 1),
            "ds = 0 in the first row": _weighted(lambda q: q.rows > 0),
            "ds = 0 where the class is predicted right": _weighted(lambda q: np.argmax(q.s, 1) != q.y),
            "ds = 0 where the class is predicted wrong": _weighted(lambda q: np.argmax(q.s, 1) == q.y),
            **_in_blocks("ds = 0 in the rows", lambda q, n: q.ds * (q.rows < n)[:, None]),
            **{f"ds = 0 after the first {n} rows": _weighted(lambda q, n=n: q.rows < n) for n in (1, 2, 4)},
            "ds = 0 where the row's label came before": _weighted(
                lambda q: np.isin(q.rows, np.unique(q.y, return_index=True)[1])
            ),
        },
        "examples-reweighted": {
            "each row divided by how often its class occurs": _weighted(lambda q: 1 / _class_count(q)),
            "each row times N/(C · how often its class occurs)": _weighted(lambda q: q.N / q.C / _class_count(q)),
            "focal: each row times 1 − p_y": _weighted(lambda q: 1 - q.p_y),
            "each row times p_y": _weighted(lambda q: q.p_y),
        },
        "labels-smoothed": {
            f"ds = (p − {1 - e:g} 1[y] − {e:g}/C)/N": lambda q, e=e: (q.p - (1 - e) * q.onehot - e / q.C) * q.weight
            for e in (0.01, 0.05, 0.1, 0.2)
        },
        "epsilon-added": {
            **{
                f"ds = (p + {e:g} − 1[y])/N": lambda q, e=e: q.ds_of(q.p + e)
                for e in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
            },
            **{
                f"ds = (p clipped to [{e:g}, 1 − {e:g}] − 1[y])/N": lambda q, e=e: q.ds_of(np.clip(q.p, e, 1 - e))
                for e in (1e-2, 1e-3, 1e-4, 1e-5)
            },
        },
        "dtype-demoted": _rounded(
            ds=lambda q, r: r(q.ds),
            p=lambda q, r: q.ds_of(r(q.p)),
            p_y=lambda q, r: np.where(q.onehot, r(q.p) - 1, q.p) * q.weight,
            s=lambda q, r: q.ds_of(softmax(r(q.s), 1)),
        ),
    }
)


# ------------------------------------------------------------------------------ dz = dh ∘ f′(z), with dh = upstream Wᵀ


def _masked(mask: Formula) -> Formula:
    return lambda q: q.dh * mask(q)


def _with_slope_at_zero(slope: float) -> Formula:
    return lambda q: q.dh * np.where(q.z == 0, slope, q.slope)


def _mask_of(a: Formula) -> Mistake:
    """Return a row for the mask of an array from elsewhere, where it has the shape of dh."""
    return _elsewhere(lambda q: q.dh * (a(q) > 0 if np.shape(a(q)) == q.dh.shape else q.slope))


def _z_of_another_layer(q: Any) -> Array | None:
    return q.fwd.z[q.i % (q.fwd.depth - 1) + 1] if q.fwd.depth > 2 else None


def _slope_of(name: str, z: Array) -> Array:
    with np.errstate(all="ignore"):
        return value_and_slope(name, z)[1]


def _with_weights(W_next: Formula, **flags: bool) -> Mistake:
    """Return a row for other weights of the layer above."""
    return _elsewhere(lambda q: q.upstream @ W_next(q).T * q.slope, **flags)


def _broadcast(collapse: Callable[[Array], Array]) -> Formula:
    """Return dh times a mask that lost the axis of its one hidden unit: (N, 1) times (N,) is (N, N)."""

    def formula(q: Any) -> Array:
        if q.dh.ndim != 2 or q.dh.shape[1] > 1 or len(q.dh) == 1:
            return np.asarray(q.dh * q.slope)
        return collapse(q.dh * q.slope[:, 0])[:, None]

    return formula


HIDDEN = mistakes(
    {
        "mask-missing": {"dz = dh": lambda q: q.dh},
        "mask-at-zero": {
            "dz = dh ∘ 1[z ≥ 0]": _with_slope_at_zero(1),
            "dz = dh ∘ f′(z), with ½ at z = 0": _with_slope_at_zero(0.5),
            "dz = dh ∘ f′(z), with 0 at z = 0": _with_slope_at_zero(0),
        },
        "mask-on-wrong-tensor": {
            "dz = dh ∘ 1[dh > 0]": _masked(lambda q: q.dh > 0),
            "dz = dh ∘ 1[z > 0] ∘ 1[dh > 0]": _masked(lambda q: (q.dh > 0) & (q.z > 0)),
            "dz = dh ∘ 1[dh ≥ 0] ∘ 1[z ≥ 0]": _masked(lambda q: (q.dh >= 0) & (q.z >= 0)),
            "dz = dh ∘ 1[h W > 0], z without its bias": _mask_of(lambda q: q.h_prev @ q.fwd.W(q.i)),
            "dz = dh ∘ 1[X > 0] where H = D": _mask_of(lambda q: q.fwd.h[0]),
            "dz = dh ∘ 1[z > 0], z the scores', where H = C": _mask_of(lambda q: q.fwd.s),
            "dz = dh ∘ 1[dz′ > 0], the mask of the layer above, where they fit": _mask_of(lambda q: q.upstream),
            "dz = dh ∘ 1[z > 0] of another layer, where they fit": _mask_of(_z_of_another_layer),
            "dz = dh ∘ 1[z > 0] of the rows backwards": _masked(lambda q: q.slope[::-1]),
            "dz = dh ∘ 1[z > 0] of the row before": _masked(lambda q: np.roll(q.slope, 1, 0)),
            "dz = dh ∘ 1[z > 0] of the first row": _masked(lambda q: q.slope[:1]),
        },
        "mask-inverted": {
            "dz = dh ∘ 1[z ≤ 0]": _masked(lambda q: q.z <= 0),
            "dz = dh ∘ 1[z < 0]": _masked(lambda q: q.z < 0),
            "dz = dh ∘ (1 − f′(z))": _masked(lambda q: 1 - q.slope),
        },
        "upstream-missing": {
            "dz = f′(z)": lambda q: q.slope,
            "dz = f′(z)/N": lambda q: q.slope / q.N,
            "dz = dh where z > 0, else 0.01": lambda q: np.where(q.z > 0, q.dh, 0.01),
            "dz = dh + f′(z)": lambda q: q.dh + q.slope,
        },
        "activation-wrong": {
            "dz = dh where z > 0, else 0.01 dh": lambda q: np.where(q.z > 0, q.dh, 0.01 * q.dh),
            "dz = dh where z > 0, else −dh": lambda q: np.where(q.z > 0, q.dh, -q.dh),
            "dz = dh ∘ 1[0 < z < 6]": _masked(lambda q: (q.z > 0) & (q.z < 6)),
            "dz = dh ∘ 1[0 < z < 1]": _masked(lambda q: (q.z > 0) & (q.z < 1)),
            **{
                f"dz = dh ∘ {name}′(z)": _masked(lambda q, name=name: _slope_of(name, q.z))
                for name in ("relu", "sigmoid", "tanh", "softplus", "elu", "silu", "gelu")
            },
        },
        "wrong-cached-tensor": {
            "dz = dh ∘ h, f for f′": _masked(lambda q: q.h),
            "dz = dh ∘ z": _masked(lambda q: q.z),
            "dz = dh ∘ f′(h), h for z": _masked(lambda q: _slope_of(q.activation, q.h)),
            "dz = dh ∘ z (1 − z), z for h": _masked(lambda q: q.z * (1 - q.z)),
            "dz = dh ∘ (1 − z²), z for h": _masked(lambda q: 1 - q.z**2),
            "dz = dh ∘ h (1 − h)": _masked(lambda q: q.h * (1 - q.h)),
            "dz = dh ∘ (1 − h²)": _masked(lambda q: 1 - q.h**2),
            **{
                f"dh = dz (W − {rate:g} dW)ᵀ: W is updated already": _with_weights(
                    lambda q, rate=rate: q.W_next - rate * (q.h.T @ q.upstream + q.fwd.penalty(f"W{q.i + 1}")),
                    uses_updated_weights=True,
                )
                for rate in (1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.005, 0.001, 1e-4)
            },
            "dh = dz W₁ᵀ where they fit": _with_weights(lambda q: _same(q.fwd.W(q.i), q.W_next)),
        },
        "transposed": {"dh = dz W where it is square": _with_weights(lambda q: _same(q.W_next.T, q.W_next))},
        "mean-twice": {"dz = dh ∘ f′(z)/N": lambda q: q.dh * q.slope / q.mean_factor},
        "mean-missing": {"dz = N dh ∘ f′(z)": lambda q: q.dh * q.slope * q.mean_factor},
        **_factors("dz", "dh ∘ f′(z)", lambda q: q.dh * q.slope),
        "activation-derivative-extra": {"dz = dh ∘ f′(z)²": _masked(lambda q: q.slope**2)},
        "one-hot-missing": {
            "dh = p Wᵀ/N": _elsewhere(
                lambda q: (q.fwd.p * q.fwd.weight @ q.W_next.T if q.i == q.fwd.depth - 1 else q.dh) * q.slope
            )
        },
        "broadcast": {
            "dz of shape (N, N) where H = 1, averaged over n": _broadcast(lambda a: a.mean(0)),
            "dz of shape (N, N) where H = 1, summed over n": _broadcast(lambda a: a.sum(0)),
            "dz of shape (N, N) where H = 1, averaged over the columns": _broadcast(lambda a: a.mean(1)),
        },
        "clipped": _clipped("dz", lambda q: q.dh * q.slope, 0.1, 1, 5),
        "epsilon-added": {"dz = 0 where |dh| ≤ 1e-4": lambda q: q.dh * q.slope * (np.abs(q.dh) > 1e-4)},
        "dtype-demoted": _rounded(dz=lambda q, r: r(q.dh * q.slope), dh=lambda q, r: r(q.dh) * q.slope),
    }
)


# -------------------------------------------------------------------------------------- dW = h_prevᵀ dz and db = Σₙ dzₙ


def _last_of_each_label(h: Formula) -> Mistake:
    """Return a row for hᵀ ds where the 1 is subtracted for the last row of each label alone."""

    def formula(q: Any) -> Array:
        gradient = h(q).T @ q.dz
        if q.i == q.fwd.depth:
            gradient += h(q).T @ q.fwd.onehot * q.fwd.weight
            gradient[..., q.fwd.y] -= h(q).T * q.fwd.weight
        return np.asarray(gradient)

    return _elsewhere(formula)


WEIGHTS = mistakes(
    {
        "mean-missing": {"dW = hᵀ dz · N": lambda q: q.dW * q.mean_factor},
        "mean-twice": {"dW = hᵀ dz / N": lambda q: q.dW / q.mean_factor},
        **_factors("dW", "hᵀ dz", lambda q: q.dW),
        "gradient-missing": {"dW = 0": _row(lambda q: 0 * q.dW, exact=True)},
        "transposed": {"dW = dzᵀ h where it is square": lambda q: _same(q.dW.T, q.dW)},
        "wrong-cached-tensor": {
            "dW = zᵀ dz, with z of the layer below for its h": _elsewhere(
                lambda q: q.fwd.z.get(q.i - 1, q.h_prev).T @ q.dz
            ),
            "dW = 1[z > 0]ᵀ dz, the mask for h": _elsewhere(
                lambda q: (q.fwd.z[q.i - 1] > 0).T @ q.dz if q.i > 1 else q.dW
            ),
            "dW = f′(z)ᵀ dz, the derivative for h": _elsewhere(lambda q: q.fwd.slope.get(q.i - 1, q.h_prev).T @ q.dz),
            "dW = Xᵀ dz where H = D": _elsewhere(lambda q: _same(q.fwd.h[0], q.h_prev).T @ q.dz),
            "dW = hᵀ dz, h the layer's output, where H = D": _elsewhere(lambda q: _same(q.h, q.h_prev).T @ q.dz),
            "dW = hᵀ dz with the rows of h backwards": lambda q: q.h_prev[::-1].T @ q.dz,
            "dW = hᵀ dz with the rows of h one on": lambda q: np.roll(q.h_prev, 1, 0).T @ q.dz,
            "dW = hᵀ dz with the rows of h one back": lambda q: np.roll(q.h_prev, -1, 0).T @ q.dz,
            "dW = hᵀ z": lambda q: q.h_prev.T @ q.z,
        },
        "mask-missing": {"dW = hᵀ dh, dh before the mask": _elsewhere(lambda q: q.h_prev.T @ q.dh)},
        "examples-dropped": {
            **_without_rows("dW", lambda q, rows: q.h_prev[rows].T @ q.dz[rows]),
            "dW of the last row alone": lambda q: q.h_prev[-1:].T @ q.dz[-1:],
            "dW of the first row alone": lambda q: q.h_prev[:1].T @ q.dz[:1],
        },
        "repeated-labels-lost": {"dW = hᵀ p/N; dW[:, y] −= hᵀ/N": _last_of_each_label(lambda q: q.h_prev)},
        "examples-reweighted": {
            "dW = (Σₙ hₙ)(Σₙ dzₙ)ᵀ": lambda q: np.outer(q.h_prev.sum(0), q.db),
            "dW = (mean h)(Σₙ dzₙ)ᵀ": lambda q: np.outer(q.h_prev.mean(0), q.db),
        },
        "clipped": _clipped("dW", lambda q: q.dW, 0.1, 0.5, 1, 5),
        "dtype-demoted": {
            **_rounded(dW=lambda q, r: r(q.dW)),
            "h rounded to float32": lambda q: q.h_prev.astype(np.float32).astype(float).T @ q.dz,
        },
    }
)

BIASES = mistakes(
    {
        "bias-averaged": {"db = mean over n of dz": lambda q: q.db / q.N},
        "mean-missing": {"db = N Σₙ dzₙ": lambda q: q.db * q.mean_factor},
        **_factors("db", "Σₙ dzₙ", lambda q: q.db),
        "gradient-missing": {"db = 0": _row(lambda q: 0 * q.db, exact=True)},
        "bias-axis": {
            "db = the sum over everything, in every entry": lambda q: np.full(q.db.shape, q.dz.sum()),
            "db = the mean over everything, in every entry": lambda q: np.full(q.db.shape, q.dz.mean()),
            "db = the sum over the units where N = H": lambda q: _same(q.dz.sum(1), q.db),
            "db = the sum over the units of row n where N = H, as a row": lambda q: _same(q.dz.mean(1), q.db),
        },
        "mask-missing": {"db = Σₙ dhₙ, dh before the mask": _elsewhere(lambda q: q.dh.sum(0))},
        "examples-dropped": {
            "db = the first row of dz": lambda q: q.dz[0],
            "db = the last row of dz": lambda q: q.dz[-1],
            **_without_rows("db", lambda q, rows: q.dz[rows].sum(0)),
        },
        "repeated-labels-lost": {"db = Σ p/N; db[y] −= 1/N": _last_of_each_label(lambda q: np.ones(q.N))},
        "wrong-cached-tensor": {"db = Σₙ hₙ": _elsewhere(lambda q: q.db if q.h is None else q.h.sum(0))},
        "clipped": _clipped("db", lambda q: q.db, 0.1, 0.5, 1, 5),
        "dtype-demoted": _rounded(db=lambda q, r: r(q.db)),
    }
)

# ------------------------------------------------------------------------------------------------------- the penalties

#: The gradient of the penalty of a parameter that is penalised.
PENALTIES = mistakes(
    {
        "l2-missing": {"no reg W": lambda q: 0 * q.gradient},
        "l2-doubled": {"2 reg W": lambda q: 2 * q.gradient},
        "l2-halved": {"½ reg W": lambda q: q.gradient / 2},
        "l2-sign-flipped": {"−reg W": lambda q: -q.gradient},
        "l2-scaled-by-batch": {
            "reg W/N": lambda q: q.gradient / q.N,
            "reg W N": lambda q: q.gradient * q.N,
            "2 reg W/N": lambda q: 2 * q.gradient / q.N,
            "½ reg W/N": lambda q: q.gradient / 2 / q.N,
        },
        "l2-strength-wrong": {
            "reg² W": lambda q: q.gradient * q.reg,
            "√reg W": lambda q: q.gradient * q.reg**-0.5,
            "min(reg, 1) W": lambda q: q.gradient * min(q.reg, 1) / q.reg,
            "reg rounded to an integer, times W": lambda q: q.gradient * round(q.reg) / q.reg,
            "int(reg) W": lambda q: q.gradient * int(q.reg) / q.reg,
            "W, without reg": lambda q: q.gradient / q.reg,
        },
        "l2-not-squared": {"reg W/‖W‖": lambda q: q.gradient / max(float(np.linalg.norm(q.W)), 1e-300)},
    }
)
WEIGHT_PENALTIES = (
    *PENALTIES,
    *mistakes(
        {
            "l2-not-squared": {
                "reg sign(W)": lambda q: q.reg * np.sign(q.W),
                "reg W²": lambda q: q.reg * q.W**2,
                "reg ½ Σ W², the penalty itself, in every entry": lambda q: np.full(
                    q.W.shape, q.reg / 2 * np.sum(q.W**2)
                ),
            },
            "transposed": {"reg Wᵀ where it is square": lambda q: _same(q.gradient.T, q.gradient)},
        }
    ),
)
#: The gradient of a penalty that a bias should not have.
BIAS_PENALTIES = mistakes(
    {
        "l2-on-bias": {
            "reg b": lambda q: q.reg * q.W,
            "2 reg b": lambda q: 2 * q.reg * q.W,
            "reg b/N": lambda q: q.reg * q.W / q.N,
            "−reg b": lambda q: -q.reg * q.W,
        }
    }
)

# ------------------------------------------------------------------------------------------------------------ the loss


def _cross_entropy(p: Formula) -> Formula:
    def formula(q: Any) -> float:
        with np.errstate(divide="ignore"):
            return float(q.total(-np.log(p(q)[q.rows, q.y])))

    return formula


#: The cross-entropy.
LOSSES = mistakes(
    {
        "mean-missing": {"the loss is summed over the batch": lambda q: q.loss * q.mean_factor},
        "mean-twice": {"the loss is divided by N twice": lambda q: q.loss / q.mean_factor},
        "wrong-divisor": {
            "the loss is a mean and not a sum": lambda q: q.loss * q.mean_factor / q.N,
            "the loss is divided by N C": lambda q: q.loss / q.C,
        },
        "sign-flipped": {"the loss is +log p_y": lambda q: -q.loss},
        "factor-wrong": {"the loss is doubled": lambda q: 2 * q.loss, "the loss is halved": lambda q: q.loss / 2},
        "another-loss": {
            "the logarithm is to base 2": lambda q: q.loss / np.log(2),
            "the logarithm is to base 10": lambda q: q.loss / np.log(10),
            "the loss is 1 − p_y": lambda q: q.total(1 - q.p_y),
            "the loss is −p_y": lambda q: q.total(-q.p_y),
        },
        "softmax-twice": {"the loss is that of softmax(p)": _cross_entropy(lambda q: softmax(q.p, 1))},
        "softmax-axis": {
            "the loss is that of a softmax over the batch": _cross_entropy(lambda q: softmax(q.s, 0)),
            "the loss is that of a softmax over everything": _cross_entropy(lambda q: softmax(q.s, None)),
        },
        "epsilon-added": {
            f"the loss is −log(p_y + {e:g})": _cross_entropy(lambda q, e=e: q.p + e)
            for e in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
        },
    }
)


def _sum_over_weights(size: Callable[[Array], Any]) -> Formula:
    return lambda q: q.reg * sum(float(size(a)) for name, a in q.params.items() if is_weight(name))


def _one_weight_alone(i: int, times: int) -> Formula:
    return lambda q: times * q.reg / 2 * float(np.sum(q.W(i) ** 2)) if q.depth == 2 else q.penalty_of_loss


#: The penalty in the loss.
PENALTIES_OF_LOSS = mistakes(
    {
        "l2-missing": {"the loss has no penalty": lambda q: 0.0},
        "l2-doubled": {"the loss has reg Σ W²": lambda q: 2 * q.penalty_of_loss},
        "l2-halved": {"the loss has ¼ reg Σ W²": lambda q: q.penalty_of_loss / 2},
        "l2-sign-flipped": {"the loss has −½ reg Σ W²": lambda q: -q.penalty_of_loss},
        "l2-scaled-by-batch": {
            "the penalty of the loss is divided by N": lambda q: q.penalty_of_loss / q.N,
            "the penalty of the loss is times N": lambda q: q.penalty_of_loss * q.N,
        },
        "l2-strength-wrong": {"the loss has ½ reg² Σ W²": lambda q: q.penalty_of_loss * q.reg},
        "l2-on-bias": {
            "the loss has ½ reg (Σ W² + Σ b²)": lambda q: (
                q.reg / 2 * sum(float(np.sum(a**2)) for a in q.params.values())
            )
        },
        "l2-of-another-parameter": {
            "the loss penalises W1 two times": _one_weight_alone(1, 2),
            "the loss penalises W2 two times": _one_weight_alone(2, 2),
            "the loss penalises W1 one times": _one_weight_alone(1, 1),
            "the loss penalises W2 one times": _one_weight_alone(2, 1),
        },
        "l2-not-squared": {
            "the loss has reg Σ ‖W‖": _sum_over_weights(np.linalg.norm),
            "the loss has reg Σ |W|": _sum_over_weights(lambda a: np.sum(np.abs(a))),
        },
    }
)
