"""Mistakes that no row of the table is: weights of the examples, entries that were never written, fewer digits."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.causes import Explanation
from oracle.diagnosis.perceptrons.forward_pass import is_weight
from oracle.diagnosis.perceptrons.probes import MIN_PROBES, TOLERANCE, Case, close

__all__ = ["UNLISTED", "explain_by_dtype", "explain_by_missing_entries", "explain_by_weights", "factor_of"]

Array = NDArray[Any]
#: An explanation, and the dz that it gives where it is not the default.
Found = tuple[Explanation, dict[Case, Array]]


def explain_by_weights(wrong: Sequence[Case], names: Sequence[str]) -> Found | None:
    """Explain a layer by a weight for each example, found by least squares: 1 for each is right."""
    weights: dict[Case, Array] = {}
    dz: dict[Case, Array] = {}
    for case in wrong:
        layer = case.default
        columns = [
            np.concatenate([(np.outer(h, d) if is_weight(name) else d).ravel() for name in names])
            for h, d in zip(layer.h_prev, layer.dz)
        ]
        A, b = np.array(columns).T, np.concatenate([case.probe.data[name].ravel() for name in names])
        if len(b) < layer.N + 2 or not np.all(np.isfinite(b)) or np.linalg.cond(A) > 1e6:
            uniform = factor_of(b, A.sum(1))  # too few entries to tell the examples apart
            if uniform is not None:
                dz[case] = uniform * layer.dz
            continue
        w = np.linalg.lstsq(A, b, rcond=None)[0]
        if not close(A @ w, b, tolerance=2.0**-36):
            return None
        weights[case], dz[case] = w, w[:, None] * layer.dz
    if len(weights) <= MIN_PROBES or (named := _name_weights(weights)) is None:
        return None
    return Explanation(*named, tuple(names), len(weights), propagates=True), dz


def _name_weights(weights: dict[Case, Array]) -> tuple[str, str] | None:
    """Return the cause and the algebra of weights."""
    shown = max(weights.values(), key=len)
    if not all(np.ptp(w) < 1e-8 for w in weights.values()):
        dropped = all(np.all((np.abs(w) < 1e-8) | (np.abs(w - w.max()) < 1e-8)) for w in weights.values())
        listed = ", ".join(f"{w:.4g}" for w in shown[:6]) + (", …" if len(shown) > 6 else "")
        return "examples-dropped" if dropped else "examples-reweighted", f"the examples count {listed} times"
    counts = np.array([len(w) / w[0] if w[0] else np.nan for w in weights.values()])
    norms = [np.sqrt(sum(np.sum(a**2) for a in case.probe.data.values())) for case in weights]
    if np.ptp([w[0] for w in weights.values()]) < 1e-8:
        return "factor-wrong", f"all of it times {shown[0]:.6g}"
    if np.ptp(norms) < 1e-8 * norms[0]:
        return "clipped", f"the norm of all gradients is cut to {norms[0]:.6g}"
    if np.all(np.abs(counts - np.round(counts)) < 1e-6):
        return "wrong-divisor", f"all of it times {shown[0]:.6g}"
    return None


def explain_by_missing_entries(wrong: Sequence[Case], names: Sequence[str]) -> Found | None:
    """Explain a layer by entries that were never written: they are exactly 0, and all others are right."""
    dz: dict[Case, Array] = {}
    for case in wrong:
        layer, data = case.default, case.probe.data
        for name in names:
            given, right = data[name], layer.gradient(name)
            off = np.abs(given - right) > TOLERANCE * np.max(np.abs(right), initial=0)
            if np.any(given[off]) or (off.all() and off.size > 1) or not close(given[~off], right[~off]):
                return None
        if len(names) == 2:  # whole columns of dz
            dz[case] = layer.dz * ((data[f"b{case.i}"] != 0) | (layer.db == 0))
    algebra = "some entries are exactly 0"
    return Explanation("gradient-missing", algebra, tuple(names), len(wrong), propagates=True), dz


def explain_by_dtype(wrong: Sequence[Case], names: Sequence[str]) -> Found | None:
    """Explain a layer by a narrower dtype, if every number that came back is one of it."""
    given = [case.probe.data[name] for case in wrong for name in names]
    for dtype in (np.float16, np.float32):
        if all(np.all(a == a.astype(dtype)) for a in given):
            return Explanation("dtype-demoted", f"every entry is a {np.dtype(dtype)}", tuple(names), len(wrong)), {}
    return None


#: In the order in which they are tried.
UNLISTED: tuple[Callable[[Sequence[Case], Sequence[str]], Found | None], ...] = (
    explain_by_weights,
    explain_by_missing_entries,
    explain_by_dtype,
)


def factor_of(a: Array, b: Array) -> float | None:
    """Return c where a = c b to rounding."""
    squares = float(np.sum(b * b))
    c = float(np.sum(a * b)) / squares if squares else 0.0
    return c if squares and close(a, c * b, tolerance=2.0**-36) else None
