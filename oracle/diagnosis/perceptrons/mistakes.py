"""The table of wrong formulas: what people write in the place of each step of the backward pass.

A step is written as the derivation writes it, and each wrong form beside it with the name of its cause. ``Forward`` has
the quantities of the forward pass; a form takes it and what comes from above.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import handgrad
from oracle.strategies.networks import NetworkProblem

__all__ = [
    "BIASES",
    "HIDDEN",
    "LOSSES",
    "PENALTIES",
    "PENALTIES_OF_LOSS",
    "RIGHT",
    "SCORES",
    "WEIGHTS",
    "Form",
    "Forward",
]

Array = NDArray[Any]


@dataclass(frozen=True)
class Form:
    """A formula that somebody may have in the place of the right one."""

    cause: str
    algebra: str
    of: Callable[..., Any]


class Forward:
    """The forward pass of a network's problem in float64, and the labels in every form that people want them in."""

    def __init__(self, problem: NetworkProblem) -> None:
        self.reg, self.conventions = problem.reg, problem.conventions
        self.params = {name: np.asarray(a, float) for name, a in problem.params.items()}
        self.y = problem.y.astype(int)
        self.N, self.depth = len(self.y), len(self.params) // 2
        activation = problem.kwargs.get("activation", ("relu",) * (self.depth - 1))
        self.activations = dict(enumerate(activation, start=1))
        self.h: dict[int, Array] = {0: np.asarray(problem.X, float)}
        self.z: dict[int, Array] = {}
        self.slope: dict[int, Array] = {}
        for i in range(1, self.depth + 1):
            self.z[i] = self.h[i - 1] @ self.W(i) + self.params[f"b{i}"]
            if i < self.depth:
                self.h[i], self.slope[i] = value_and_slope(self.activations[i], self.z[i])
        self.s = self.z[self.depth]
        self.C = self.s.shape[1]
        self.rows = np.arange(self.N)
        self.p = softmax(self.s, axis=1)
        self.onehot = np.eye(self.C)[self.y]
        #: What each example counts: 1/N, or 1 where the loss is a sum.
        self.weight = 1 / self.N if self.conventions.mean else 1.0

    def W(self, i: int) -> Array:
        """Return the weights of layer i."""
        return self.params[f"W{i}"]

    def penalty(self, name: str) -> Array:
        """Return the gradient of the penalty with respect to a parameter."""
        return np.asarray(self.conventions.strength(self.params[name].ndim, self.reg) * self.params[name])

    def losses(self) -> Array:
        """Return the cross-entropy of each example."""
        t = self.s - np.max(self.s, axis=1, keepdims=True)
        return np.asarray(np.log(np.sum(np.exp(t), axis=1)) - t[self.rows, self.y])


def value_and_slope(name: str, z: Array) -> tuple[Array, Array]:
    """Return an activation and its derivative."""
    value, backward = handgrad.RULES[name](z)
    return value, backward(np.ones_like(z))[0]


def softmax(s: Array, axis: int | None) -> Array:
    """Return the softmax along an axis, or over everything."""
    e = np.exp(s - np.max(s, axis=axis, keepdims=True))
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


def _labels(q: Forward, y: Array) -> Array:
    """Return ds where the labels are y."""
    return np.asarray((q.p - np.eye(q.C)[y]) * q.weight)


def _kept(q: Forward, keep: Array) -> Array:
    """Return ds of the examples that are kept."""
    return np.asarray(_ds(q) * keep[:, None])


def _divided(q: Forward, count: Any) -> Array:
    return np.asarray((q.p - q.onehot) / max(count, 1))


def _ds(q: Forward) -> Array:
    return np.asarray((q.p - q.onehot) * q.weight)


def _rounded(a: Array, dtype: type) -> Array:
    with np.errstate(over="ignore"):
        return a.astype(dtype).astype(float)


def _through_softmax(q: Forward, dp: Array) -> Array:
    """Return ds of a cotangent of the probabilities."""
    return np.asarray(q.p * (dp - np.sum(dp * q.p, axis=1, keepdims=True)))


def _p_y(q: Forward) -> Array:
    return np.asarray(q.p[q.rows, q.y][:, None])


def _block(n: int, size: int) -> int:
    return n if n < size else n // size * size


RIGHT = Form("", "", _ds)

#: ds, the gradient of the scores.
SCORES: tuple[Form, ...] = (
    RIGHT,
    Form("mean-missing", "ds = p − 1[y], without 1/N", lambda q: _ds(q) * q.N if q.conventions.mean else _ds(q)),
    Form("mean-twice", "ds = (p − 1[y])/N²", lambda q: _ds(q) / q.N if q.conventions.mean else _ds(q)),
    Form("wrong-divisor", "ds = (p − 1[y])/N", lambda q: _ds(q) if q.conventions.mean else _ds(q) / q.N),
    Form("sign-flipped", "ds = (1[y] − p)/N", lambda q: -_ds(q)),
    Form("one-hot-missing", "ds = p/N", lambda q: q.p * q.weight),
    Form("one-hot-missing", "ds = (p − y)/N, y the number of the class", lambda q: (q.p - q.y[:, None]) * q.weight),
    Form("one-hot-missing", "ds = (p − 1)/N, at every class", lambda q: (q.p - 1) * q.weight),
    Form("factor-wrong", "ds = 2 (p − 1[y])/N", lambda q: 2 * _ds(q)),
    Form("factor-wrong", "ds = ½ (p − 1[y])/N", lambda q: _ds(q) / 2),
    Form("wrong-divisor", "ds = (p − 1[y])/(N − 1)", lambda q: _divided(q, q.N - 1)),
    Form("wrong-divisor", "ds = (p − 1[y])/(N + 1)", lambda q: _divided(q, q.N + 1)),
    Form("wrong-divisor", "ds = (p − 1[y])/C", lambda q: _divided(q, q.C)),
    Form("wrong-divisor", "ds = (p − 1[y])/(N C)", lambda q: _divided(q, q.N * q.C)),
    Form("wrong-divisor", "ds = (p − 1[y])/D", lambda q: _divided(q, q.h[0].shape[1])),
    Form("wrong-divisor", "ds = (p − 1[y])/H", lambda q: _divided(q, q.h[q.depth - 1].shape[1])),
    Form(
        "wrong-divisor",
        "ds = (p − 1[y])/(number of rows with p_y ≤ 0.99)",
        lambda q: _divided(q, np.sum(_p_y(q) <= 0.99)),
    ),
    Form("softmax-jacobian", "ds = −1[y] (1 − p)/N: the diagonal alone", lambda q: -q.onehot * (1 - q.p) * q.weight),
    Form("softmax-jacobian", "ds = −1[y]/p/N: no derivative of the softmax", lambda q: -q.onehot / q.p * q.weight),
    Form("softmax-jacobian", "ds = −1[y]/N", lambda q: -q.onehot * q.weight),
    Form("softmax-jacobian", "ds = p at j ≠ y, 0 at y", lambda q: np.where(q.onehot, 0, q.p) * q.weight),
    Form("softmax-jacobian", "ds = p (1 − p)/N", lambda q: q.p * (1 - q.p) * q.weight),
    Form("activation-derivative-extra", "ds = (p − 1[y]) p (1 − p)/N", lambda q: _ds(q) * q.p * (1 - q.p)),
    Form("activation-derivative-extra", "ds = Jᵀ(p − 1[y])/N, J = ∂p/∂s", lambda q: _through_softmax(q, _ds(q))),
    Form("activation-derivative-extra", "ds = (p − 1[y]) p/N", lambda q: _ds(q) * q.p),
    Form("softmax-twice", "ds = (softmax(p) − 1[y])/N", lambda q: (softmax(q.p, 1) - q.onehot) * q.weight),
    Form(
        "softmax-twice",
        "ds = Jᵀ(softmax(p) − 1[y])/N, J = ∂p/∂s",
        lambda q: _through_softmax(q, (softmax(q.p, 1) - q.onehot) * q.weight),
    ),
    Form("softmax-axis", "p = softmax over the batch", lambda q: (softmax(q.s, 0) - q.onehot) * q.weight),
    Form("softmax-axis", "p = softmax over everything", lambda q: (softmax(q.s, None) - q.onehot) * q.weight),
    Form("another-loss", "ds = (σ(s) − 1[y])/N", lambda q: (1 / (1 + np.exp(-q.s)) - q.onehot) * q.weight),
    Form("another-loss", "ds = (s − 1[y])/N", lambda q: (q.s - q.onehot) * q.weight),
    Form("another-loss", "ds = 2 (s − 1[y])/N", lambda q: 2 * (q.s - q.onehot) * q.weight),
    Form("another-loss", "ds = (e^s − 1[y])/N", lambda q: (np.exp(q.s) - q.onehot) * q.weight),
    *(
        Form("another-loss", f"p = softmax(s/{T:g})", lambda q, T=T: (softmax(q.s / T, 1) - q.onehot) * q.weight)
        for T in (0.5, 2, 10)
    ),
    Form("class-wrong", "1 subtracted at y + 1", lambda q: _labels(q, (q.y + 1) % q.C)),
    Form("class-wrong", "1 subtracted at y − 1", lambda q: _labels(q, (q.y - 1) % q.C)),
    Form("class-wrong", "1 subtracted at min(y, C − 2)", lambda q: _labels(q, np.minimum(q.y, max(q.C - 2, 0)))),
    Form("class-wrong", "1 subtracted at max(y, 1)", lambda q: _labels(q, np.maximum(q.y, min(1, q.C - 1)))),
    Form("class-wrong", "1 subtracted at C − 1 − y", lambda q: _labels(q, q.C - 1 - q.y)),
    Form("class-wrong", "1 subtracted at argmax s", lambda q: _labels(q, np.argmax(q.s, axis=1))),
    Form("class-wrong", "1 subtracted at class 0", lambda q: _labels(q, 0 * q.y)),
    Form(
        "class-wrong",
        "1 subtracted in every column of the batch's labels",
        lambda q: (q.p - np.isin(np.arange(q.C), q.y)) * q.weight,
    ),
    Form("wrong-cached-tensor", "the labels of the row before", lambda q: _labels(q, np.roll(q.y, 1))),
    Form("wrong-cached-tensor", "the labels of the row after", lambda q: _labels(q, np.roll(q.y, -1))),
    Form("wrong-cached-tensor", "the labels backwards", lambda q: _labels(q, q.y[::-1])),
    Form("wrong-cached-tensor", "the labels sorted", lambda q: _labels(q, np.sort(q.y))),
    Form(
        "wrong-cached-tensor",
        "the labels in the order of argsort y",
        lambda q: _labels(q, q.y[np.argsort(q.y)[::1]][np.argsort(q.y)]),
    ),
    Form("wrong-cached-tensor", "the first row's label in every row", lambda q: _labels(q, 0 * q.y + q.y[0])),
    Form("examples-dropped", "ds = 0 where y = 0", lambda q: _kept(q, q.y != 0)),
    Form("examples-dropped", "ds = 0 where y = C − 1", lambda q: _kept(q, q.y != q.C - 1)),
    Form("examples-dropped", "ds = 0 in the last row", lambda q: _kept(q, q.rows < q.N - 1)),
    Form("examples-dropped", "ds = 0 in the first row", lambda q: _kept(q, q.rows > 0)),
    Form("examples-dropped", "ds = 0 where the class is predicted right", lambda q: _kept(q, np.argmax(q.s, 1) != q.y)),
    Form("examples-dropped", "ds = 0 where the class is predicted wrong", lambda q: _kept(q, np.argmax(q.s, 1) == q.y)),
    *(
        Form(
            "examples-dropped",
            f"ds = 0 in the rows after the last whole block of {n}",
            lambda q, n=n: _kept(q, q.rows < _block(q.N, n)),
        )
        for n in (2, 4, 8)
    ),
    *(
        Form("examples-dropped", f"ds = 0 after the first {n} rows", lambda q, n=n: _kept(q, q.rows < n))
        for n in (1, 2, 4)
    ),
    Form(
        "examples-dropped",
        "ds = 0 where the row's label came before",
        lambda q: _kept(q, np.isin(q.rows, np.unique(q.y, return_index=True)[1])),
    ),
    Form(
        "examples-reweighted",
        "each row divided by how often its class occurs",
        lambda q: _ds(q) / np.sum(q.onehot, axis=0)[q.y][:, None],
    ),
    Form(
        "examples-reweighted",
        "each row times N/(C · how often its class occurs)",
        lambda q: _ds(q) * q.N / q.C / np.sum(q.onehot, axis=0)[q.y][:, None],
    ),
    Form("examples-reweighted", "focal: each row times 1 − p_y", lambda q: _ds(q) * (1 - _p_y(q))),
    Form("examples-reweighted", "each row times p_y", lambda q: _ds(q) * _p_y(q)),
    *(
        Form(
            "labels-smoothed",
            f"ds = (p − {1 - e:g} 1[y] − {e:g}/C)/N",
            lambda q, e=e: (q.p - (1 - e) * q.onehot - e / q.C) * q.weight,
        )
        for e in (0.01, 0.05, 0.1, 0.2)
    ),
    *(
        Form("epsilon-added", f"ds = (p + {e:g} − 1[y])/N", lambda q, e=e: (q.p + e - q.onehot) * q.weight)
        for e in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
    ),
    *(
        Form(
            "epsilon-added",
            f"ds = (p clipped to [{e:g}, 1 − {e:g}] − 1[y])/N",
            lambda q, e=e: (np.clip(q.p, e, 1 - e) - q.onehot) * q.weight,
        )
        for e in (1e-2, 1e-3, 1e-4, 1e-5)
    ),
    *(
        Form("dtype-demoted", f"{what} rounded to {np.dtype(dtype)}", lambda q, f=f, dtype=dtype: f(q, dtype))
        for dtype in (np.float32, np.float16)
        for what, f in {
            "ds": lambda q, dtype: _rounded(_ds(q), dtype),
            "p": lambda q, dtype: (_rounded(q.p, dtype) - q.onehot) * q.weight,
            "p_y": lambda q, dtype: np.where(q.onehot, _rounded(q.p, dtype) - 1, q.p) * q.weight,
            "s": lambda q, dtype: (softmax(_rounded(q.s, dtype), 1) - q.onehot) * q.weight,
        }.items()
    ),
)

# In the forms below hin is the layer's input h_{i−1}, dz the gradient of its pre-activation.


def _same(a: Array, b: Array) -> Array:
    """Return a where it has b's shape, else b: what shows only where two dimensions are equal."""
    return a if a.shape == b.shape else b


def _dropped(hin: Array, dz: Array, keep: slice) -> Array:
    return np.asarray(hin[keep].T @ dz[keep])


def _lost(q: Forward, hin: Array, dz: Array) -> Array:
    """Return hᵀ ds where of the rows with one label the last alone has its label subtracted."""
    dW = hin.T @ (dz + q.onehot * q.weight)
    dW[:, q.y] -= hin.T * q.weight
    return np.asarray(dW)


def _lost_bias(q: Forward, dz: Array) -> Array:
    db = np.sum(dz + q.onehot * q.weight, axis=0)
    db[q.y] -= q.weight
    return np.asarray(db)


def _block_of(a: Array, n: int, axis: int) -> Array:
    """Return a with zeros after its first n entries along an axis."""
    kept = np.zeros_like(a)
    where = [slice(None)] * a.ndim
    where[axis] = slice(n)
    kept[tuple(where)] = a[tuple(where)]
    return kept


#: dW_i = hinᵀ dz, of (q, i, hin, dz).
WEIGHTS: tuple[Form, ...] = (
    Form("", "", lambda q, i, hin, dz: hin.T @ dz),
    Form("mean-missing", "dW = hᵀ dz · N", lambda q, i, hin, dz: hin.T @ dz * (q.N if q.conventions.mean else 1)),
    Form("mean-twice", "dW = hᵀ dz / N", lambda q, i, hin, dz: hin.T @ dz / (q.N if q.conventions.mean else 1)),
    Form("sign-flipped", "dW = −hᵀ dz", lambda q, i, hin, dz: -hin.T @ dz),
    Form("factor-wrong", "dW = 2 hᵀ dz", lambda q, i, hin, dz: 2 * hin.T @ dz),
    Form("factor-wrong", "dW = ½ hᵀ dz", lambda q, i, hin, dz: hin.T @ dz / 2),
    Form("gradient-missing", "dW = 0", lambda q, i, hin, dz: 0 * (hin.T @ dz)),
    Form("transposed", "dW = dzᵀ h where it is square", lambda q, i, hin, dz: _same((hin.T @ dz).T, hin.T @ dz)),
    Form(
        "wrong-cached-tensor",
        "dW = zᵀ dz, with z of the layer below for its h",
        lambda q, i, hin, dz: q.z.get(i - 1, hin).T @ dz,
    ),
    Form(
        "wrong-cached-tensor",
        "dW = 1[z > 0]ᵀ dz, the mask for h",
        lambda q, i, hin, dz: (q.z[i - 1] > 0).T @ dz if i > 1 else hin.T @ dz,
    ),
    Form(
        "wrong-cached-tensor",
        "dW = f′(z)ᵀ dz, the derivative for h",
        lambda q, i, hin, dz: q.slope.get(i - 1, hin).T @ dz,
    ),
    Form("wrong-cached-tensor", "dW = Xᵀ dz where H = D", lambda q, i, hin, dz: _same(q.h[0], hin).T @ dz),
    Form(
        "wrong-cached-tensor",
        "dW = hᵀ dz, h the layer's output, where H = D",
        lambda q, i, hin, dz: _same(q.h.get(i, hin), hin).T @ dz,
    ),
    Form("wrong-cached-tensor", "dW = hᵀ dz with the rows of h backwards", lambda q, i, hin, dz: hin[::-1].T @ dz),
    Form(
        "wrong-cached-tensor", "dW = hᵀ dz with the rows of h one on", lambda q, i, hin, dz: np.roll(hin, 1, 0).T @ dz
    ),
    Form(
        "wrong-cached-tensor",
        "dW = hᵀ dz with the rows of h one back",
        lambda q, i, hin, dz: np.roll(hin, -1, 0).T @ dz,
    ),
    Form("wrong-cached-tensor", "dW = hᵀ z", lambda q, i, hin, dz: hin.T @ q.z[i]),
    Form(
        "mask-missing",
        "dW = hᵀ dh, dh before the mask",
        lambda q, i, hin, dz: hin.T @ q.dh if i < q.depth else hin.T @ dz,
    ),
    Form(
        "examples-dropped", "dW without the last row", lambda q, i, hin, dz: _dropped(hin, dz, slice(max(q.N - 1, 1)))
    ),
    Form(
        "examples-dropped",
        "dW without the first row",
        lambda q, i, hin, dz: _dropped(hin, dz, slice(min(1, q.N - 1), None)),
    ),
    Form("examples-dropped", "dW of the last row alone", lambda q, i, hin, dz: _dropped(hin, dz, slice(-1, None))),
    Form("examples-dropped", "dW of the first row alone", lambda q, i, hin, dz: _dropped(hin, dz, slice(1))),
    *(
        Form(
            "examples-dropped",
            f"dW without the rows after the last whole block of {n}",
            lambda q, i, hin, dz, n=n: _dropped(hin, dz, slice(_block(q.N, n))),
        )
        for n in (2, 4, 8)
    ),
    Form(
        "repeated-labels-lost",
        "dW = hᵀ p/N; dW[:, y] −= hᵀ/N",
        lambda q, i, hin, dz: _lost(q, hin, dz) if i == q.depth else hin.T @ dz,
    ),
    Form("examples-reweighted", "dW = (Σₙ hₙ)(Σₙ dzₙ)ᵀ", lambda q, i, hin, dz: np.outer(hin.sum(0), dz.sum(0))),
    Form("examples-reweighted", "dW = (mean h)(Σₙ dzₙ)ᵀ", lambda q, i, hin, dz: np.outer(hin.mean(0), dz.sum(0))),
    *(
        Form("clipped", f"dW clipped to ±{c:g}", lambda q, i, hin, dz, c=c: np.clip(hin.T @ dz, -c, c))
        for c in (0.1, 0.5, 1, 5)
    ),
    *(
        Form("dtype-demoted", f"dW rounded to {np.dtype(t)}", lambda q, i, hin, dz, t=t: _rounded(hin.T @ dz, t))
        for t in (np.float32, np.float16)
    ),
    Form("dtype-demoted", "h rounded to float32", lambda q, i, hin, dz: _rounded(hin, np.float32).T @ dz),
)

#: db_i = Σₙ dzₙ, of (q, i, dz).
BIASES: tuple[Form, ...] = (
    Form("", "", lambda q, i, dz: dz.sum(0)),
    Form("bias-averaged", "db = mean over n of dz", lambda q, i, dz: dz.mean(0)),
    Form("mean-missing", "db = N Σₙ dzₙ", lambda q, i, dz: dz.sum(0) * (q.N if q.conventions.mean else 1)),
    Form("sign-flipped", "db = −Σₙ dzₙ", lambda q, i, dz: -dz.sum(0)),
    Form("factor-wrong", "db = 2 Σₙ dzₙ", lambda q, i, dz: 2 * dz.sum(0)),
    Form("factor-wrong", "db = ½ Σₙ dzₙ", lambda q, i, dz: dz.sum(0) / 2),
    Form("gradient-missing", "db = 0", lambda q, i, dz: 0 * dz.sum(0)),
    Form("bias-axis", "db = the sum over everything, in every entry", lambda q, i, dz: np.full(dz.shape[1], dz.sum())),
    Form(
        "bias-axis", "db = the mean over everything, in every entry", lambda q, i, dz: np.full(dz.shape[1], dz.mean())
    ),
    Form("bias-axis", "db = the sum over the units where N = H", lambda q, i, dz: _same(dz.sum(1), dz.sum(0))),
    Form(
        "bias-axis",
        "db = the sum over the units of row n where N = H, as a row",
        lambda q, i, dz: _same(dz.mean(1), dz.sum(0)),
    ),
    Form("mask-missing", "db = Σₙ dhₙ, dh before the mask", lambda q, i, dz: q.dh.sum(0) if i < q.depth else dz.sum(0)),
    Form("examples-dropped", "db = the first row of dz", lambda q, i, dz: dz[0]),
    Form("examples-dropped", "db = the last row of dz", lambda q, i, dz: dz[-1]),
    Form("examples-dropped", "db without the last row", lambda q, i, dz: dz[: max(q.N - 1, 1)].sum(0)),
    Form("examples-dropped", "db without the first row", lambda q, i, dz: dz[min(1, q.N - 1) :].sum(0)),
    *(
        Form(
            "examples-dropped",
            f"db without the rows after the last whole block of {n}",
            lambda q, i, dz, n=n: dz[: _block(q.N, n)].sum(0),
        )
        for n in (2, 4, 8)
    ),
    Form(
        "repeated-labels-lost",
        "db = Σ p/N; db[y] −= 1/N",
        lambda q, i, dz: _lost_bias(q, dz) if i == q.depth else dz.sum(0),
    ),
    Form("wrong-cached-tensor", "db = Σₙ hₙ", lambda q, i, dz: q.h[i].sum(0) if i < q.depth else dz.sum(0)),
    *(
        Form("clipped", f"db clipped to ±{c:g}", lambda q, i, dz, c=c: np.clip(dz.sum(0), -c, c))
        for c in (0.1, 0.5, 1, 5)
    ),
    *(
        Form("dtype-demoted", f"db rounded to {np.dtype(t)}", lambda q, i, dz, t=t: _rounded(dz.sum(0), t))
        for t in (np.float32, np.float16)
    ),
)


def _at_zero(q: Forward, i: int, dh: Array, slope: float) -> Array:
    return dh * np.where(q.z[i] == 0, slope, q.slope[i])


def _mask_of_another(q: Forward, i: int, dh: Array) -> Array:
    other = q.z[i % (q.depth - 1) + 1]
    return other > 0 if q.depth > 2 and other.shape == dh.shape else q.slope[i]


def _slope_of(name: str, z: Array) -> Array:
    with np.errstate(all="ignore"):
        return value_and_slope(name, z)[1]


def _squeezed(mask: Array, dh: Array, collapse: Callable[[Array], Array]) -> Array:
    """Return dh times the mask where one hidden unit's mask has lost its axis: (N, 1) times (N,) is (N, N)."""
    product = dh * np.squeeze(mask)
    return product if product.shape == dh.shape else collapse(product)


#: dz_i = dh ∘ f′(z_i) with dh = u W_{i+1}ᵀ, of (q, i, u, dh).
HIDDEN: tuple[Form, ...] = (
    Form("", "", lambda q, i, u, dh: dh * q.slope[i]),
    Form("mask-missing", "dz = dh", lambda q, i, u, dh: dh),
    Form("mask-at-zero", "dz = dh ∘ 1[z ≥ 0]", lambda q, i, u, dh: _at_zero(q, i, dh, 1)),
    Form("mask-at-zero", "dz = dh ∘ f′(z), with ½ at z = 0", lambda q, i, u, dh: _at_zero(q, i, dh, 0.5)),
    Form("mask-at-zero", "dz = dh ∘ f′(z), with 0 at z = 0", lambda q, i, u, dh: _at_zero(q, i, dh, 0)),
    Form("mask-on-wrong-tensor", "dz = dh ∘ 1[dh > 0]", lambda q, i, u, dh: dh * (dh > 0)),
    Form("mask-on-wrong-tensor", "dz = dh ∘ 1[z > 0] ∘ 1[dh > 0]", lambda q, i, u, dh: dh * (dh > 0) * (q.z[i] > 0)),
    Form("mask-on-wrong-tensor", "dz = dh ∘ 1[dh ≥ 0] ∘ 1[z ≥ 0]", lambda q, i, u, dh: dh * (dh >= 0) * (q.z[i] >= 0)),
    Form(
        "mask-on-wrong-tensor",
        "dz = dh ∘ 1[h W > 0], z without its bias",
        lambda q, i, u, dh: dh * (q.h[i - 1] @ q.W(i) > 0),
    ),
    Form(
        "mask-on-wrong-tensor",
        "dz = dh ∘ 1[X > 0] where H = D",
        lambda q, i, u, dh: dh * (q.h[0] > 0 if q.h[0].shape == dh.shape else q.slope[i]),
    ),
    Form(
        "mask-on-wrong-tensor",
        "dz = dh ∘ 1[z > 0], z the scores', where H = C",
        lambda q, i, u, dh: dh * (q.s > 0 if q.s.shape == dh.shape else q.slope[i]),
    ),
    Form(
        "mask-on-wrong-tensor",
        "dz = dh ∘ 1[dz′ > 0], the mask of the layer above, where they fit",
        lambda q, i, u, dh: dh * (u > 0 if u.shape == dh.shape else q.slope[i]),
    ),
    Form(
        "mask-on-wrong-tensor",
        "dz = dh ∘ 1[z > 0] of another layer, where they fit",
        lambda q, i, u, dh: dh * _mask_of_another(q, i, dh),
    ),
    Form("mask-on-wrong-tensor", "dz = dh ∘ 1[z > 0] of the rows backwards", lambda q, i, u, dh: dh * q.slope[i][::-1]),
    Form(
        "mask-on-wrong-tensor",
        "dz = dh ∘ 1[z > 0] of the row before",
        lambda q, i, u, dh: dh * np.roll(q.slope[i], 1, 0),
    ),
    Form("mask-on-wrong-tensor", "dz = dh ∘ 1[z > 0] of the first row", lambda q, i, u, dh: dh * q.slope[i][:1]),
    Form("mask-inverted", "dz = dh ∘ 1[z ≤ 0]", lambda q, i, u, dh: dh * (q.z[i] <= 0)),
    Form("mask-inverted", "dz = dh ∘ 1[z < 0]", lambda q, i, u, dh: dh * (q.z[i] < 0)),
    Form("mask-inverted", "dz = dh ∘ (1 − f′(z))", lambda q, i, u, dh: dh * (1 - q.slope[i])),
    Form("upstream-missing", "dz = f′(z)", lambda q, i, u, dh: q.slope[i]),
    Form("upstream-missing", "dz = f′(z)/N", lambda q, i, u, dh: q.slope[i] / q.N),
    Form("upstream-missing", "dz = dh where z > 0, else 0.01", lambda q, i, u, dh: np.where(q.z[i] > 0, dh, 0.01)),
    Form("upstream-missing", "dz = dh + f′(z)", lambda q, i, u, dh: dh + q.slope[i]),
    Form(
        "activation-wrong", "dz = dh where z > 0, else 0.01 dh", lambda q, i, u, dh: np.where(q.z[i] > 0, dh, 0.01 * dh)
    ),
    Form("activation-wrong", "dz = dh where z > 0, else −dh", lambda q, i, u, dh: np.where(q.z[i] > 0, dh, -dh)),
    Form("activation-wrong", "dz = dh ∘ 1[0 < z < 6]", lambda q, i, u, dh: dh * (q.z[i] > 0) * (q.z[i] < 6)),
    Form("activation-wrong", "dz = dh ∘ 1[0 < z < 1]", lambda q, i, u, dh: dh * (q.z[i] > 0) * (q.z[i] < 1)),
    *(
        Form("activation-wrong", f"dz = dh ∘ {name}′(z)", lambda q, i, u, dh, name=name: dh * _slope_of(name, q.z[i]))
        for name in ("relu", "sigmoid", "tanh", "softplus", "elu", "silu", "gelu")
    ),
    Form("wrong-cached-tensor", "dz = dh ∘ h, f for f′", lambda q, i, u, dh: dh * q.h[i]),
    Form("wrong-cached-tensor", "dz = dh ∘ z", lambda q, i, u, dh: dh * q.z[i]),
    Form(
        "wrong-cached-tensor", "dz = dh ∘ f′(h), h for z", lambda q, i, u, dh: dh * _slope_of(q.activations[i], q.h[i])
    ),
    Form("wrong-cached-tensor", "dz = dh ∘ z (1 − z), z for h", lambda q, i, u, dh: dh * q.z[i] * (1 - q.z[i])),
    Form("wrong-cached-tensor", "dz = dh ∘ (1 − z²), z for h", lambda q, i, u, dh: dh * (1 - q.z[i] ** 2)),
    Form("wrong-cached-tensor", "dz = dh ∘ h (1 − h)", lambda q, i, u, dh: dh * q.h[i] * (1 - q.h[i])),
    Form("wrong-cached-tensor", "dz = dh ∘ (1 − h²)", lambda q, i, u, dh: dh * (1 - q.h[i] ** 2)),
    *(
        Form(
            "wrong-cached-tensor",
            f"dh = dz (W − {rate:g} dW)ᵀ: W is updated already",
            lambda q, i, u, dh, rate=rate: (
                (u @ (q.W(i + 1) - rate * (q.h[i].T @ u + q.penalty(f"W{i + 1}"))).T) * q.slope[i]
            ),
        )
        for rate in (1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.005, 0.001, 1e-4)
    ),
    Form(
        "wrong-cached-tensor",
        "dh = dz W₁ᵀ where they fit",
        lambda q, i, u, dh: (u @ _same(q.W(i).T, q.W(i + 1).T)) * q.slope[i],
    ),
    Form(
        "transposed",
        "dh = dz W where it is square",
        lambda q, i, u, dh: (u @ _same(q.W(i + 1), q.W(i + 1).T)) * q.slope[i],
    ),
    Form("mean-twice", "dz = dh ∘ f′(z)/N", lambda q, i, u, dh: dh * q.slope[i] / (q.N if q.conventions.mean else 1)),
    Form("mean-missing", "dz = N dh ∘ f′(z)", lambda q, i, u, dh: dh * q.slope[i] * (q.N if q.conventions.mean else 1)),
    Form("sign-flipped", "dz = −dh ∘ f′(z)", lambda q, i, u, dh: -dh * q.slope[i]),
    Form("factor-wrong", "dz = 2 dh ∘ f′(z)", lambda q, i, u, dh: 2 * dh * q.slope[i]),
    Form("factor-wrong", "dz = ½ dh ∘ f′(z)", lambda q, i, u, dh: dh * q.slope[i] / 2),
    Form("activation-derivative-extra", "dz = dh ∘ f′(z)²", lambda q, i, u, dh: dh * q.slope[i] ** 2),
    Form(
        "one-hot-missing",
        "dh = p Wᵀ/N",
        lambda q, i, u, dh: (q.p * q.weight @ q.W(i + 1).T) * q.slope[i] if i == q.depth - 1 else dh * q.slope[i],
    ),
    Form(
        "broadcast",
        "dz of shape (N, N) where H = 1, averaged over n",
        lambda q, i, u, dh: _squeezed(q.slope[i], dh, lambda a: a.mean(0)[:, None]),
    ),
    Form(
        "broadcast",
        "dz of shape (N, N) where H = 1, summed over n",
        lambda q, i, u, dh: _squeezed(q.slope[i], dh, lambda a: a.sum(0)[:, None]),
    ),
    Form(
        "broadcast",
        "dz of shape (N, N) where H = 1, averaged over the columns",
        lambda q, i, u, dh: _squeezed(q.slope[i], dh, lambda a: a.mean(1)[:, None]),
    ),
    *(
        Form("clipped", f"dz clipped to ±{c:g}", lambda q, i, u, dh, c=c: np.clip(dh * q.slope[i], -c, c))
        for c in (0.1, 1, 5)
    ),
    Form("epsilon-added", "dz = 0 where |dh| ≤ 1e-4", lambda q, i, u, dh: dh * q.slope[i] * (np.abs(dh) > 1e-4)),
    *(
        Form("dtype-demoted", f"{what} rounded to {np.dtype(t)}", lambda q, i, u, dh, f=f, t=t: f(q, i, dh, t))
        for t in (np.float32, np.float16)
        for what, f in {
            "dz": lambda q, i, dh, t: _rounded(dh * q.slope[i], t),
            "dh": lambda q, i, dh, t: _rounded(dh, t) * q.slope[i],
        }.items()
    ),
)


def _times(q: Forward, name: str, factor: float) -> Array:
    return factor * q.penalty(name)


#: The gradient of the penalty, of (q, name).
PENALTIES: tuple[Form, ...] = (
    Form("", "", lambda q, name: q.penalty(name)),
    Form("l2-missing", "no reg W", lambda q, name: 0 * q.penalty(name)),
    Form("l2-doubled", "2 reg W", lambda q, name: _times(q, name, 2)),
    Form("l2-halved", "½ reg W", lambda q, name: _times(q, name, 0.5)),
    Form("l2-sign-flipped", "−reg W", lambda q, name: _times(q, name, -1)),
    Form("l2-scaled-by-batch", "reg W/N", lambda q, name: _times(q, name, 1 / q.N)),
    Form("l2-scaled-by-batch", "reg W N", lambda q, name: _times(q, name, q.N)),
    Form("l2-scaled-by-batch", "2 reg W/N", lambda q, name: _times(q, name, 2 / q.N)),
    Form("l2-scaled-by-batch", "½ reg W/N", lambda q, name: _times(q, name, 0.5 / q.N)),
    Form("l2-strength-wrong", "reg² W", lambda q, name: _times(q, name, q.reg)),
    Form("l2-strength-wrong", "√reg W", lambda q, name: _times(q, name, q.reg**-0.5)),
    Form("l2-strength-wrong", "min(reg, 1) W", lambda q, name: _times(q, name, min(q.reg, 1) / q.reg)),
    Form(
        "l2-strength-wrong", "reg rounded to an integer, times W", lambda q, name: _times(q, name, round(q.reg) / q.reg)
    ),
    Form("l2-strength-wrong", "int(reg) W", lambda q, name: _times(q, name, int(q.reg) / q.reg)),
    Form("l2-strength-wrong", "W, without reg", lambda q, name: _times(q, name, 1 / q.reg)),
    Form("l2-not-squared", "reg sign(W)", lambda q, name: q.reg * np.sign(q.params[name]) * name.startswith("W")),
    Form(
        "l2-not-squared",
        "reg W/‖W‖",
        lambda q, name: _times(q, name, 1 / max(float(np.linalg.norm(q.params[name])), 1e-300)),
    ),
    Form("l2-not-squared", "reg W²", lambda q, name: q.reg * q.params[name] ** 2 * name.startswith("W")),
    Form(
        "l2-not-squared",
        "reg ½ Σ W², the penalty itself, in every entry",
        lambda q, name: 0 * q.params[name] + q.reg / 2 * np.sum(q.params[name] ** 2) * name.startswith("W"),
    ),
    Form("transposed", "reg Wᵀ where it is square", lambda q, name: _same(q.penalty(name).T, q.penalty(name))),
    Form("l2-on-bias", "reg b", lambda q, name: q.reg * q.params[name] if name.startswith("b") else q.penalty(name)),
    Form(
        "l2-on-bias", "2 reg b", lambda q, name: 2 * q.reg * q.params[name] if name.startswith("b") else q.penalty(name)
    ),
    Form(
        "l2-on-bias",
        "reg b/N",
        lambda q, name: q.reg * q.params[name] / q.N if name.startswith("b") else q.penalty(name),
    ),
    Form("l2-on-bias", "−reg b", lambda q, name: -q.reg * q.params[name] if name.startswith("b") else q.penalty(name)),
)


def penalties_of_others(q: Forward, name: str) -> Iterator[tuple[str, Array]]:
    """Yield each other parameter of the same shape, and the gradient of its penalty."""
    for other, a in q.params.items():
        if other != name and a.shape == q.params[name].shape:
            yield other, q.reg * a


def _mean(q: Forward, losses: Array) -> float:
    return float(np.sum(losses) * q.weight)


def _cross_entropy(q: Forward, p: Array) -> float:
    with np.errstate(divide="ignore"):
        return _mean(q, -np.log(p[q.rows, q.y]))


#: The cross-entropy, of (q).
LOSSES: tuple[Form, ...] = (
    Form("", "", lambda q: _mean(q, q.losses())),
    Form(
        "mean-missing",
        "the loss is summed over the batch",
        lambda q: _mean(q, q.losses()) * (q.N if q.conventions.mean else 1),
    ),
    Form(
        "mean-twice",
        "the loss is divided by N twice",
        lambda q: _mean(q, q.losses()) / (q.N if q.conventions.mean else 1),
    ),
    Form(
        "wrong-divisor",
        "the loss is a mean and not a sum",
        lambda q: _mean(q, q.losses()) / (1 if q.conventions.mean else q.N),
    ),
    Form("wrong-divisor", "the loss is divided by N C", lambda q: _mean(q, q.losses()) / q.C),
    Form("sign-flipped", "the loss is +log p_y", lambda q: -_mean(q, q.losses())),
    Form("factor-wrong", "the loss is doubled", lambda q: 2 * _mean(q, q.losses())),
    Form("factor-wrong", "the loss is halved", lambda q: _mean(q, q.losses()) / 2),
    Form("another-loss", "the logarithm is to base 2", lambda q: _mean(q, q.losses()) / np.log(2)),
    Form("another-loss", "the logarithm is to base 10", lambda q: _mean(q, q.losses()) / np.log(10)),
    Form("another-loss", "the loss is 1 − p_y", lambda q: _mean(q, 1 - q.p[q.rows, q.y])),
    Form("another-loss", "the loss is −p_y", lambda q: _mean(q, -q.p[q.rows, q.y])),
    Form("softmax-twice", "the loss is that of softmax(p)", lambda q: _cross_entropy(q, softmax(q.p, 1))),
    Form("softmax-axis", "the loss is that of a softmax over the batch", lambda q: _cross_entropy(q, softmax(q.s, 0))),
    Form(
        "softmax-axis", "the loss is that of a softmax over everything", lambda q: _cross_entropy(q, softmax(q.s, None))
    ),
    *(
        Form("epsilon-added", f"the loss is −log(p_y + {e:g})", lambda q, e=e: _cross_entropy(q, q.p + e))
        for e in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
    ),
)


def _squares(q: Forward, names: Callable[[str], bool]) -> float:
    return float(sum(np.sum(a**2) for name, a in q.params.items() if names(name)))


def _penalty(q: Forward) -> float:
    return float(sum(np.sum(q.penalty(name) * a) for name, a in q.params.items()) / 2)


#: The penalty in the loss, of (q).
PENALTIES_OF_LOSS: tuple[Form, ...] = (
    Form("", "", _penalty),
    Form("l2-missing", "the loss has no penalty", lambda q: 0.0),
    Form("l2-doubled", "the loss has reg Σ W²", lambda q: 2 * _penalty(q)),
    Form("l2-halved", "the loss has ¼ reg Σ W²", lambda q: _penalty(q) / 2),
    Form("l2-sign-flipped", "the loss has −½ reg Σ W²", lambda q: -_penalty(q)),
    Form("l2-scaled-by-batch", "the penalty of the loss is divided by N", lambda q: _penalty(q) / q.N),
    Form("l2-scaled-by-batch", "the penalty of the loss is times N", lambda q: _penalty(q) * q.N),
    Form("l2-strength-wrong", "the loss has ½ reg² Σ W²", lambda q: _penalty(q) * q.reg),
    Form("l2-on-bias", "the loss has ½ reg (Σ W² + Σ b²)", lambda q: q.reg / 2 * _squares(q, lambda name: True)),
    *(
        Form(
            "l2-of-another-parameter",
            f"the loss penalises W{i} {q_times} times",
            lambda q, i=i, n=n: (
                q.reg / 2 * n * float(np.sum(q.params.get(f"W{i}", 0) ** 2)) if q.depth == 2 else _penalty(q)
            ),
        )
        for i, n, q_times in ((1, 2, "two"), (2, 2, "two"), (1, 1, "one"), (2, 1, "one"))
    ),
    Form(
        "l2-not-squared",
        "the loss has reg Σ ‖W‖",
        lambda q: q.reg * sum(float(np.linalg.norm(a)) for name, a in q.params.items() if name[0] == "W"),
    ),
    Form(
        "l2-not-squared",
        "the loss has reg Σ |W|",
        lambda q: q.reg * sum(float(np.sum(np.abs(a))) for name, a in q.params.items() if name[0] == "W"),
    ),
)
