"""Conditions that the failing problems meet and the passing ones do not."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, is_weight
from oracle.strategies.networks import NetworkProblem

__all__ = ["conditions"]

#: Conditions that may hold for a problem and its forward pass, the most informative first.
_CONDITIONS: dict[str, Callable[[NetworkProblem, ForwardPass], Any]] = {
    "reg > 0": lambda p, fwd: p.reg > 0,
    "reg > 1": lambda p, fwd: p.reg > 1,
    "reg = 0": lambda p, fwd: p.reg == 0,
    "reg is neither 0 nor 1": lambda p, fwd: p.reg not in (0, 1),
    "reg > 0 and a bias is not 0": lambda p, fwd: (
        p.reg > 0 and any(np.any(a) for name, a in p.params.items() if not is_weight(name))
    ),
    "N > 1": lambda p, fwd: fwd.N > 1,
    "N is odd": lambda p, fwd: fwd.N % 2,
    "N is even": lambda p, fwd: fwd.N % 2 == 0,
    "N is not a multiple of 4": lambda p, fwd: fwd.N % 4,
    "N is more than 4 and not a multiple of 4": lambda p, fwd: fwd.N % 4 and fwd.N > 4,
    "X is an integer array": lambda p, fwd: p.X.dtype.kind in "iu",
    "the parameters are float32": lambda p, fwd: p.dtype == np.float32,
    "the parameters are float64": lambda p, fwd: p.dtype == np.float64,
    "the labels are not int64": lambda p, fwd: p.y.dtype != np.int64,
    "the labels are unsigned": lambda p, fwd: p.y.dtype.kind == "u",
    "the labels are 8-bit integers": lambda p, fwd: p.y.dtype.itemsize == 1,
    "an array is not C-contiguous": lambda p, fwd: not all(a.flags.c_contiguous for a in _arrays(p)),
    "an array is read-only": lambda p, fwd: not all(a.flags.writeable for a in _arrays(p)),
    "a pre-activation is exactly 0": lambda p, fwd: any(np.any(z == 0) for z in _hidden(fwd)),
    "a hidden unit is dead": lambda p, fwd: any(np.any(np.all(z <= 0, axis=0)) for z in _hidden(fwd)),
    "a pre-activation is not positive": lambda p, fwd: any(np.any(z <= 0) for z in _hidden(fwd)),
    "two scores tie for the largest": lambda p, fwd: np.any(np.sum(fwd.s == fwd.s.max(1, keepdims=True), axis=1) > 1),
    "a label occurs twice": lambda p, fwd: len(np.unique(fwd.y)) < fwd.N,
    "a class is absent": lambda p, fwd: len(np.unique(fwd.y)) < fwd.C,
    "all labels are the same": lambda p, fwd: len(np.unique(fwd.y)) == 1,
    "the labels differ": lambda p, fwd: len(np.unique(fwd.y)) > 1,
    "label 0 occurs": lambda p, fwd: np.any(fwd.y == 0),
    "label C − 1 occurs": lambda p, fwd: np.any(fwd.y == fwd.C - 1),
    "an example is sure of its class (p_y > 0.99)": lambda p, fwd: np.any(fwd.p_y > 0.99),
    "an example is classified wrong": lambda p, fwd: np.any(np.argmax(fwd.s, 1) != fwd.y),
    **{f"a score is beyond ±{n}": lambda p, fwd, n=n: np.max(np.abs(fwd.s)) > n for n in (30, 50, 88, 700)},  # type: ignore[misc]
    **{f"a score is beyond {n}": lambda p, fwd, n=n: np.max(fwd.s) > n for n in (88, 700)},  # type: ignore[misc]
    "a row's scores are all far below another row's": lambda p, fwd: np.ptp(np.max(fwd.s, 1)) > 30,
    "a row's scores are all below −30": lambda p, fwd: np.min(np.max(fwd.s, 1)) < -30,
    "a row's scores are all below −700": lambda p, fwd: np.min(np.max(fwd.s, 1)) < -700,
}


def _arrays(p: NetworkProblem) -> tuple[Any, ...]:
    return (*p.params.values(), p.X, p.y)


def _hidden(fwd: ForwardPass) -> list[Any]:
    return [fwd.z[i] for i in range(1, fwd.depth)]


def conditions(
    failing: Sequence[NetworkProblem], passing: Sequence[NetworkProblem], *, most: int = 2
) -> tuple[str, ...]:
    """Return conditions that every failing problem meets and no passing one; none if either are fewer than two."""
    if len(failing) < 2 or len(passing) < 2:
        return ()
    with np.errstate(all="ignore"):
        fail, ok = ([(p, ForwardPass(p)) for p in group] for group in (failing, passing))
        found = [
            *_about_sizes([_sizes(fwd) for _, fwd in fail], [_sizes(fwd) for _, fwd in ok]),
            *(
                condition
                for condition, holds in _CONDITIONS.items()
                if all(holds(p, fwd) for p, fwd in fail) and not any(holds(p, fwd) for p, fwd in ok)
            ),
        ]
    return tuple(dict.fromkeys(found))[:most]


def _sizes(fwd: ForwardPass) -> dict[str, int]:
    hidden = {f"H{i}" if fwd.depth > 2 else "H": fwd.W(i).shape[1] for i in range(1, fwd.depth)}
    return {"N": fwd.N, "D": fwd.h[0].shape[1], **hidden, "C": fwd.C}


def _about_sizes(failing: list[dict[str, int]], passing: list[dict[str, int]]) -> Iterator[str]:
    def only(holds: Callable[[dict[str, int]], bool]) -> bool:
        return all(map(holds, failing)) and not any(map(holds, passing))

    names = list(failing[0])
    for a in names:
        values, others = {sizes[a] for sizes in failing}, {sizes[a] for sizes in passing}
        low, high = min(values), max(values)
        if values & others:
            continue
        if low == high:
            yield f"{a} = {low}"
        elif high < min(others):
            yield f"{a} < {min(others)}"
        elif low > max(others):
            yield f"{a} > {max(others)}"
        elif not any(low <= n <= high for n in others):
            yield f"{a} from {low} to {high}"
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if only(lambda s, a=a, b=b: s[a] == s[b]):  # type: ignore[misc]
                yield f"{a} = {b}"
            if only(lambda s, a=a, b=b: s[a] != s[b]):  # type: ignore[misc]
                yield f"{a} ≠ {b}"
            if a == "N" and only(lambda s, a=a, b=b: s[a] > 1 == s[b]):  # type: ignore[misc]
                yield f"{b} = 1 and N > 1"
