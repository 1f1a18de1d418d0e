"""The mistakes that explain a wrong loss, and a wrong penalty in a gradient."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.diagnosis.causes import Explanation
from oracle.diagnosis.perceptrons.conditions import conditions
from oracle.diagnosis.perceptrons.forward_pass import is_weight
from oracle.diagnosis.perceptrons.mistakes import BIAS_PENALTIES, LOSSES, PENALTIES, PENALTIES_OF_LOSS, WEIGHT_PENALTIES
from oracle.diagnosis.perceptrons.probes import MIN_PROBES, Probe, close
from oracle.diagnosis.perceptrons.unlisted import factor_of

__all__ = ["explain_loss", "explain_penalty"]

Array = NDArray[Any]


def explain_penalty(
    probes: Sequence[Probe], name: str, by_weights: Sequence[Array] | None = None
) -> tuple[Explanation | None, bool]:
    """Explain how reg changes a gradient; return the explanation, and True if it is wrong and there is none.

    ``by_weights`` is, for each probe, the change that comes from weights which another mistake has updated.
    """
    changes = [
        (p, np.asarray(p.penalty[name] - other))
        for p, other in zip(probes, by_weights or itertools.repeat(0.0))
        if name in p.penalty
    ]

    def fits(change: tuple[Probe, Array], value: Array) -> bool:
        p, given = change
        return np.shape(value) == given.shape and close(value, given, p.data[name])

    wrong = [c for c in changes if not fits(c, c[0].fwd.penalty(name))]
    # where there is no gradient at all, the missing penalty is no news
    if len(wrong) < MIN_PROBES or not any(np.any(p.data[name]) or np.any(p.penalty[name]) for p, _ in changes):
        return None, False
    found = Explanation("", "", (name,), len(wrong))
    table = WEIGHT_PENALTIES if is_weight(name) else (*PENALTIES, *BIAS_PENALTIES)
    for group in (changes, wrong):
        for m in table:
            if all(fits(c, m.formula(c[0].fwd.term(name))) for c in group):
                passing = [c[0].problem for c in changes if not any(c is w for w in wrong)]
                when = conditions([p.problem for p, _ in wrong], passing) if group is wrong else ()
                shown = m.algebra.replace("W", name) if is_weight(name) else m.algebra.replace(" b", f" {name}")
                return replace(found, cause=m.cause, algebra=f"d{name} has {shown}", when=when), False
    others = [{o for o, a in _penalties_of_others(c[0], name).items() if fits(c, a)} for c in wrong]
    if common := set.intersection(*others):
        return replace(found, cause="l2-of-another-parameter", algebra=f"d{name} has reg {min(common)}"), False
    factors = [factor_of(given, p.fwd.params[name] * p.fwd.reg) for p, given in wrong]
    if all(f is not None for f in factors) and np.ptp(np.array(factors, float)) < 1e-8:
        cause = "l2-scaled" if is_weight(name) else "l2-on-bias"
        return replace(found, cause=cause, algebra=f"d{name} has {factors[0]:.6g} reg {name}"), False
    return None, True


def _penalties_of_others(p: Probe, name: str) -> dict[str, Array]:
    """Return the gradient of the penalty of each other parameter of the same shape."""
    params = p.fwd.params
    return {o: p.fwd.reg * a for o, a in params.items() if o != name and a.shape == params[name].shape}


def explain_loss(
    probes: Sequence[Probe], explained: Sequence[Explanation], unexplained: Mapping[str, tuple[str, ...]]
) -> tuple[list[Explanation], bool]:
    """Return the explanations of the gradients with those of the loss, and True if the loss is wrong and has none.

    If only the loss is wrong, the gradient is not the gradient of that loss.
    """
    found, unknown = list(explained), False
    for m, count in _mistakes_in_loss(probes):
        cause, algebra = m or ("", "the gradient is right, and the loss is not")
        same = next((e for e in found if cause and e.cause == cause), None)
        if same is not None:
            found[found.index(same)] = replace(same, arrays=("loss", *same.arrays))
        elif cause or not (explained or unexplained):
            found.append(Explanation("loss-and-gradient-disagree", algebra, ("loss",), count))
        else:
            unknown = True
    return found, unknown


def _mistakes_in_loss(probes: Sequence[Probe]) -> list[tuple[tuple[str, str] | None, int]]:
    """Return the cause and formula of what is wrong in the loss and in its penalty, and on how many probes."""
    found: list[tuple[tuple[str, str] | None, int]] = []
    for table, numbers in (
        (LOSSES, [(p, p.fwd.loss, p.loss) for p in probes]),
        (PENALTIES_OF_LOSS, [(p, p.fwd.penalty_of_loss, p.penalty_of_loss) for p in probes]),
    ):
        wrong = [(p, given) for p, right, given in numbers if not close(right, given, p.loss)]
        if len(wrong) >= MIN_PROBES:
            fitting = (m for m in table if all(close(m.formula(p.fwd), given, p.loss) for p, given in wrong))
            found.append((next(((m.cause, m.algebra) for m in fitting), None), len(wrong)))
    return found
