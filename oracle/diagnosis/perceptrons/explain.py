"""Which known mistakes explain the difference: the stages of the backward pass judged one by one, from the loss down.

The penalty is isolated by calling the candidate with reg and with reg = 0; the rest belongs to the data. Then, stage
by stage, each form of the table is tried in the place of the right one, fed with what was accepted of the stage above:
dW_i and db_i must equal what it gives, to rounding, on every probe. The fewest departures win; where two explain it
equally well both are named. What no form explains on all probes is looked at again on those alone on which it shows.
"""

import copy
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import ACTIVATIONS
from oracle.diagnosis.perceptrons.conditions import triggers
from oracle.diagnosis.perceptrons.mistakes import (
    BIASES,
    HIDDEN,
    LOSSES,
    PENALTIES,
    PENALTIES_OF_LOSS,
    RIGHT,
    SCORES,
    WEIGHTS,
    Form,
    Forward,
    penalties_of_others,
)
from oracle.diagnosis.perceptrons.probes import without_penalty
from oracle.strategies.networks import NetworkProblem

__all__ = ["Explanation", "Probe", "explain", "probe"]

Array = NDArray[Any]

#: Two ways to compute one thing agree to this, relative to the largest entry: 2⁻⁴² leaves 10 bits for rounding, and no
#: two forms of the table come so near to each other on a probe by chance.
TOLERANCE = 2.0**-42
#: A cause must show on so many probes that it is no coincidence.
FEWEST = 2


@dataclass(frozen=True)
class Explanation:
    """A cause, what was computed, in which arrays it shows and, if it does not always, when."""

    cause: str
    algebra: str
    arrays: tuple[str, ...]
    probes: int
    when: tuple[str, ...] = ()
    #: Other causes that explain the same just as well.
    alternatives: tuple[tuple[str, str], ...] = ()
    #: Whether what lies below is wrong for this reason alone.
    flows: bool = False


@dataclass
class Probe:
    """A problem, its forward pass, and the candidate's answers with the penalty and without."""

    problem: NetworkProblem
    q: Forward
    without: Forward
    #: The gradients at reg = 0, and by how much reg changes them.
    data: dict[str, Array]
    penalty: dict[str, Array]
    loss: float
    penalty_of_loss: float
    #: What was accepted as the gradient of each pre-activation, and what is right.
    dz: dict[int, Array] = field(default_factory=dict)
    right: dict[int, Array] = field(default_factory=dict)
    #: The size of each gradient, returned or right.
    scale: dict[str, float] = field(default_factory=dict)


def probe(problem: NetworkProblem, ask: Callable[[NetworkProblem], Mapping[str, Array] | None]) -> Probe | None:
    """Ask the candidate with and without the penalty; None if there is no answer of the right shapes."""
    with_reg, without = ask(problem), ask(without_penalty(problem))
    names = ["loss", *problem.params]
    shapes = {"loss": (), **{name: a.shape for name, a in problem.params.items()}}
    if with_reg is None or without is None:
        return None
    for answer in (with_reg, without):
        if any(name in answer and np.shape(answer[name]) != shapes[name] for name in names) or "loss" not in answer:
            return None
    q = Forward(problem)
    q_without = copy.copy(q)
    q_without.reg = 0.0
    known = [name for name in problem.params if name in with_reg and name in without]
    data = {name: np.asarray(without[name], float) for name in known}
    found = Probe(
        problem,
        q,
        q_without,
        data,
        {name: np.asarray(with_reg[name], float) - data[name] for name in known},
        float(without["loss"]),
        float(with_reg["loss"]) - float(without["loss"]),
    )
    u = RIGHT.of(q)
    for i in range(q.depth, 0, -1):
        found.right[i] = u
        if i > 1:
            u = (u @ q.W(i).T) * q.slope[i - 1]
    for name, g in data.items():
        right = _default(found, name, int(name[1:]), found.right[int(name[1:])])
        found.scale[name] = float(max(np.max(np.abs(g)), np.max(np.abs(right))))
    return found


def explain(probes: Sequence[Probe]) -> tuple[list[Explanation], dict[str, tuple[str, ...]]]:
    """Return what explains the differences, and the arrays that stay unexplained with what their problems share."""
    with np.errstate(all="ignore"):  # a wrong form may do anything
        return _explain(probes)


def _explain(probes: Sequence[Probe]) -> tuple[list[Explanation], dict[str, tuple[str, ...]]]:
    if not probes:
        return [], {}
    found: list[Explanation] = []
    unexplained: dict[str, tuple[str, ...]] = {}
    accepted: dict[str, Callable[[Probe, Forward], Array]] = {}
    for i in range(probes[0].q.depth, 0, -1):
        _stage(probes, i, found, unexplained, accepted)
    for name in probes[0].q.params:
        _penalty(probes, name, found, unexplained, accepted)
    of_gradient = _merged(found)
    of_loss = _loss(probes)
    explanations = _with_loss(of_gradient, of_loss, unexplained)
    if unexplained.keys() == {"loss", *probes[0].data} and (another := _of_another_network(probes)) is not None:
        return [another, *explanations], {}
    return explanations, unexplained


def _of_another_network(probes: Sequence[Probe]) -> Explanation | None:
    """Explain everything at once by another activation, whose network all the answers are right for."""
    depth = probes[0].q.depth
    for name in ACTIVATIONS if depth > 1 else ():
        kwargs = {"activation": (name,) * (depth - 1)}
        if all(_is_right_for(replace(p.problem, name="mlp", kwargs=kwargs), p) for p in probes):
            return Explanation("activation-wrong", f"h = {name}(z)", ("loss", *probes[0].data), len(probes))
    return None


def _is_right_for(problem: NetworkProblem, p: Probe) -> bool:
    q = Forward(problem)
    if not _close(LOSSES[0].of(q), p.loss):
        return False
    dz = RIGHT.of(q)
    for i in range(q.depth, 0, -1):
        if not _close(q.h[i - 1].T @ dz, p.data[f"W{i}"]) or not _close(dz.sum(0), p.data[f"b{i}"]):
            return False
        if i > 1:
            dz = (dz @ q.W(i).T) * q.slope[i - 1]
    return True


# ---------------------------------------------------------------------------------------------------- one stage


@dataclass(frozen=True)
class _Solution:
    """A form for dz and the forms for dW and db that explain a stage; None where none does."""

    departures: int
    forms: dict[str, Form | None]
    of_dz: tuple[Form, ...]
    dz: Callable[[Probe], Array]

    @property
    def unexplained(self) -> int:
        return sum(form is None for form in self.forms.values())

    @property
    def causes(self) -> frozenset[str]:
        forms = (*self.of_dz, *(form for form in self.forms.values() if form))
        return frozenset(form.cause for form in forms if form.cause)


def _stage(
    probes: Sequence[Probe],
    i: int,
    found: list[Explanation],
    unexplained: dict[str, tuple[str, ...]],
    accepted: dict[str, Callable[[Probe, Forward], Array]],
) -> None:
    names = [name for name in (f"W{i}", f"b{i}") if all(name in p.data for p in probes)]
    _, default = next(iter(_options(probes, i)))
    for p in probes:
        p.dz[i] = default(p)
    wrong = [p for p in probes if not all(_fits(_default(p, name, i, p.dz[i]), p, name) for name in names)]
    if len(wrong) < FEWEST:
        if any(p.dz[i] is not p.right[i] and not _close(p.dz[i], p.right[i]) for p in probes):
            found[:] = [replace(e, arrays=(*e.arrays, *names)) if e.flows else e for e in found]
        return
    best = _solve(probes, i, names)
    when: tuple[str, ...] = ()
    if best[0].unexplained and len(wrong) < len(probes):
        again = _solve(wrong, i, names)
        if again[0].unexplained < best[0].unexplained:
            conditional = _when(wrong, [p for p in probes if _would_show(again[0], p, i)])
            if conditional or len(wrong) > FEWEST:
                best, when = again, conditional or ("the problem has something that is not known",)
    chosen = best[0]
    if chosen.unexplained == len(names):
        for guess in (_weighed, _left_out, _demoted):
            if (explanation := guess(wrong, i, names)) is not None:
                found.append(replace(explanation, when=_when(wrong, probes)))
                return
    for name, form in chosen.forms.items():
        if form is None:
            bad = [p for p in wrong if not _fits(_default(p, name, i, p.dz[i]), p, name)]
            left_out = _left_out(bad, i, [name]) if len(bad) >= FEWEST else None
            if left_out is not None:
                found.append(replace(left_out, when=_when(bad, probes)))
            else:
                unexplained[name] = _when(bad, probes)
    if chosen.unexplained == len(names):
        return
    for p in wrong if when else probes:
        p.dz[i] = chosen.dz(p)
    others = [s for s in best[1:] if s.causes != chosen.causes]
    others = list({s.causes: s for s in others}.values())
    alternatives = tuple(
        (form.cause, form.algebra)
        for s in others
        for form in (*s.of_dz, *(f for f in s.forms.values() if f))
        if form.cause and form.cause not in chosen.causes
    )
    for form in chosen.of_dz:
        if form.cause:
            arrays = tuple(name for name, f in chosen.forms.items() if f is not None)
            found.append(Explanation(form.cause, form.algebra, arrays, len(wrong), when, alternatives, flows=True))
    for name, f in chosen.forms.items():
        if f is not None and f.cause:
            found.append(Explanation(f.cause, f.algebra, (name,), len(wrong), when, alternatives))
    for form in chosen.of_dz:
        if "updated already" in form.algebra:  # the one form that the penalty reaches through W
            for name in names:
                accepted[name] = functools.partial(_of_updated, i=i, form=form, name=name)


def _of_updated(p: Probe, q: Forward, *, i: int, form: Form, name: str) -> Array:
    u = p.dz[i + 1]
    return _default(p, name, i, form.of(q, i, u, u @ q.W(i + 1).T))


def _default(p: Probe, name: str, i: int, dz: Array) -> Array:
    return np.asarray(p.q.h[i - 1].T @ dz if name.startswith("W") else dz.sum(0))


def _options(probes: Sequence[Probe], i: int) -> Iterator[tuple[tuple[Form, ...], Callable[[Probe], Array]]]:
    """Yield forms for dz_i, and a function that gives it on a probe, the right one first."""
    if i == probes[0].q.depth:
        for form in SCORES:
            yield (form,), functools.partial(_of_scores, form=form)
        return
    upstreams = [lambda p: p.dz[i + 1]]
    if any(p.dz[i + 1] is not p.right[i + 1] for p in probes):
        upstreams.append(lambda p: p.right[i + 1])
    for form, upstream in itertools.product(HIDDEN, upstreams):

        def of(p: Probe, form: Form = form, upstream: Any = upstream) -> Array:
            u = upstream(p)
            p.without.dh = p.q.dh = u @ p.q.W(i + 1).T  # type: ignore[attr-defined]
            return np.asarray(form.of(p.without, i, u, p.q.dh))  # type: ignore[attr-defined]

        yield (form,), of


#: A second departure that may come on top of one: the same wrong, times a factor.
_FACTORS: tuple[tuple[str, str, Callable[[Forward], float]], ...] = (
    ("mean-missing", "times N", lambda q: q.N if q.conventions.mean else 1.0),
    ("mean-twice", "divided by N", lambda q: 1 / q.N if q.conventions.mean else 1.0),
    ("sign-flipped", "times −1", lambda q: -1.0),
    ("factor-wrong", "times 2", lambda q: 2.0),
    ("factor-wrong", "times ½", lambda q: 0.5),
)


def _of_scores(p: Probe, *, form: Form) -> Array:
    return np.asarray(form.of(p.q))


def _scaled(p: Probe, *, dz: Callable[[Probe], Array], factor: Callable[[Forward], float]) -> Array:
    return factor(p.q) * dz(p)


def _solve(probes: Sequence[Probe], i: int, names: Sequence[str]) -> list[_Solution]:
    """Return the solutions that leave the least unexplained with the fewest departures."""
    alone = all(p.q.N == 1 for p in probes)  # an example by itself has no other to be weighed against
    options = [
        (forms, dz) for forms, dz in _options(probes, i) if not (alone and forms[0].cause.startswith("examples"))
    ]
    best = _best([_solution(probes, i, names, forms, dz) for forms, dz in options])
    if best[0].unexplained:
        twice = []
        for forms, dz in options:
            for cause, how, factor in _FACTORS:
                if forms[0].cause not in ("", cause):
                    extra = Form(cause, f"the same {how}", forms[0].of)
                    scaled = functools.partial(_scaled, dz=dz, factor=factor)
                    twice.append(_solution(probes, i, names, (*forms, extra), scaled))
        best = _best([*best, *twice])
    return best


def _when(wrong: Sequence[Probe], probes: Sequence[Probe]) -> tuple[str, ...]:
    """Return what the probes that are wrong have in common, and the others have not."""
    rest = [p.problem for p in probes if not any(p is w for w in wrong)]
    return triggers([p.problem for p in wrong], rest)


def _would_show(solution: _Solution, p: Probe, i: int) -> bool:
    """Whether a probe that passes would not, if the solution held for it as well."""
    dz = solution.dz(p)
    return not all(
        _fits(_apply(form, p, name, i, dz), p, name) for name, form in solution.forms.items() if form is not None
    )


def _best(solutions: Sequence[_Solution]) -> list[_Solution]:
    """Return those that leave the least unexplained, and of them those with the fewest departures."""
    least = min((s.unexplained, s.departures) for s in solutions)
    return [s for s in solutions if (s.unexplained, s.departures) == least]


def _solution(
    probes: Sequence[Probe], i: int, names: Sequence[str], forms: tuple[Form, ...], of: Callable[[Probe], Array]
) -> _Solution:
    chosen: dict[str, Form | None] = {}
    dz: list[Array] = []  # most forms fail on the first probe, and need none but that
    for name in names:
        chosen[name] = None
        for form in WEIGHTS if name.startswith("W") else BIASES:
            for k, p in enumerate(probes):
                if k == len(dz):
                    dz.append(of(p))
                if not _fits(_apply(form, p, name, i, dz[k]), p, name):
                    break
            else:
                chosen[name] = form
                break
    departures = sum(bool(f.cause) for f in forms) + sum(bool(f and f.cause) for f in chosen.values())
    return _Solution(departures, chosen, forms, of)


def _apply(form: Form, p: Probe, name: str, i: int, dz: Array) -> Array:
    if dz.shape != p.right[i].shape:
        return np.array(np.nan)
    if i < p.q.depth and not hasattr(p.q, "dh"):
        p.q.dh = p.dz[i + 1] @ p.q.W(i + 1).T  # type: ignore[attr-defined]
    if form.cause == "gradient-missing" and np.any(p.data[name]):
        return np.array(np.nan)  # what is not there is exactly 0; a sum over everything is 0 but for rounding
    return np.asarray(form.of(p.q, i, p.q.h[i - 1], dz) if name.startswith("W") else form.of(p.q, i, dz))


def _fits(value: Array, p: Probe, name: str) -> bool:
    given, tolerance = p.data[name], TOLERANCE * p.scale[name]
    if value.shape != given.shape or not abs(value.item(0) - given.item(0)) <= tolerance:  # most differ at once
        return False
    return bool((np.abs(value - given) <= tolerance).all())


def _close(a: Any, b: Any, right: Any = 0.0, tolerance: float = TOLERANCE) -> bool:
    scale = max(np.max(np.abs(a), initial=0), np.max(np.abs(b), initial=0), np.max(np.abs(right), initial=0))
    return bool(np.all(np.abs(np.subtract(a, b)) <= tolerance * scale))


# ------------------------------------------------------------------------------------- what no form of the table is


def _weighed(wrong: Sequence[Probe], i: int, names: Sequence[str]) -> Explanation | None:
    """Explain a stage by a weight for each example, found by least squares: 1 for each is right."""
    weighed: list[tuple[Probe, Array]] = []
    for p in wrong:
        columns = [
            np.concatenate([(np.outer(h, d) if name.startswith("W") else d).ravel() for name in names])
            for h, d in zip(p.q.h[i - 1], p.dz[i])
        ]
        A, b = np.array(columns).T, np.concatenate([p.data[name].ravel() for name in names])
        if len(b) < p.q.N + 2 or not np.all(np.isfinite(b)) or np.linalg.cond(A) > 1e6:
            uniform = _factor(b, A.sum(1))  # too few entries to tell the examples apart
            if uniform is not None:
                p.dz[i] = uniform * p.dz[i]
            continue
        w = np.linalg.lstsq(A, b, rcond=None)[0]
        if not _close(A @ w, b, tolerance=2.0**-36):
            return None
        weighed.append((p, w))
    if len(weighed) <= FEWEST:
        return None
    weights = [w for _, w in weighed]
    shown = max(weights, key=len)
    listed = ", ".join(f"{w:.4g}" for w in shown[:6]) + (", …" if len(shown) > 6 else "")
    cause, algebra = "examples-reweighted", f"the examples count {listed} times"
    if all(np.ptp(w) < 1e-8 for w in weights):
        algebra = f"all of it times {shown[0]:.6g}"
        counts = np.array([p.q.N / w[0] if w[0] else np.nan for p, w in weighed])
        norms = [np.sqrt(sum(np.sum(a**2) for a in p.data.values())) for p, _ in weighed]
        if np.ptp([w[0] for w in weights]) < 1e-8:
            cause = "factor-wrong"
        elif np.ptp(norms) < 1e-8 * norms[0]:
            cause, algebra = "clipped", f"the norm of all gradients is cut to {norms[0]:.6g}"
        elif np.all(np.abs(counts - np.round(counts)) < 1e-6):
            cause = "wrong-divisor"
        else:
            return None
    elif all(np.all((np.abs(w) < 1e-8) | (np.abs(w - w.max()) < 1e-8)) for w in weights):
        cause = "examples-dropped"
    for p, w in weighed:
        p.dz[i] = w[:, None] * p.dz[i]
    return Explanation(cause, algebra, tuple(names), len(weighed), flows=True)


def _left_out(wrong: Sequence[Probe], i: int, names: Sequence[str]) -> Explanation | None:
    """Explain what is wrong by entries that were never written: they are exactly 0, and all others are right."""
    for p in wrong:
        for name in names:
            given, right = p.data[name], _default(p, name, i, p.dz[i])
            off = np.abs(given - right) > TOLERANCE * np.max(np.abs(right), initial=0)
            if np.any(given[off]) or (off.all() and off.size > 1) or not _close(given[~off], right[~off]):
                return None
    if f"b{i}" in names and len(names) == 2:  # whole columns of dz
        for p in wrong:
            p.dz[i] = p.dz[i] * ((p.data[f"b{i}"] != 0) | (_default(p, f"b{i}", i, p.dz[i]) == 0))
    return Explanation("gradient-missing", "some entries are exactly 0", tuple(names), len(wrong), flows=True)


def _demoted(wrong: Sequence[Probe], i: int, names: Sequence[str]) -> Explanation | None:
    """Explain what is wrong by a narrower dtype, if every number that came back is one of it."""
    for dtype in (np.float16, np.float32):
        if all(np.all(p.data[name] == p.data[name].astype(dtype)) for p in wrong for name in names):
            return Explanation("dtype-demoted", f"every entry is a {np.dtype(dtype)}", tuple(names), len(wrong))
    return None


# ------------------------------------------------------------------------------------------- the penalty, the loss


def _penalty(
    probes: Sequence[Probe],
    name: str,
    found: list[Explanation],
    unexplained: dict[str, tuple[str, ...]],
    accepted: Mapping[str, Callable[[Probe, Forward], Array]],
) -> None:
    probes = [p for p in probes if name in p.penalty]

    def given(p: Probe) -> Array:
        change = p.penalty[name]
        if name in accepted:
            change = change - (accepted[name](p, p.q) - accepted[name](p, p.without))
        return np.asarray(change)

    def fits(p: Probe, value: Array) -> bool:
        return np.shape(value) == p.penalty[name].shape and _close(value, given(p), p.data[name])

    wrong = [p for p in probes if not fits(p, p.q.penalty(name))]
    nothing = all(not np.any(p.data[name]) and not np.any(p.penalty[name]) for p in probes)
    if len(wrong) < FEWEST or nothing:  # of no gradient at all the penalty is no news
        return
    for group in (probes, wrong):
        for form in PENALTIES:
            if form.cause and all(fits(p, form.of(p.q, name)) for p in group):
                when = _when(wrong, probes) if group is wrong else ()
                shown = (
                    form.algebra.replace("W", name) if name.startswith("W") else form.algebra.replace(" b", f" {name}")
                )
                found.append(Explanation(form.cause, f"d{name} has {shown}", (name,), len(wrong), when))
                return
    others = [{o for o, a in penalties_of_others(p.q, name) if fits(p, a)} for p in wrong]
    common = set.intersection(*others)
    if common:
        found.append(Explanation("l2-of-another-parameter", f"d{name} has reg {min(common)}", (name,), len(wrong)))
        return
    factors = [_factor(given(p), p.q.params[name] * p.q.reg) for p in wrong]
    if all(f is not None for f in factors) and np.ptp(np.array(factors, float)) < 1e-8:
        algebra = f"d{name} has {factors[0]:.6g} reg {name}"
        cause = "l2-scaled" if name.startswith("W") else "l2-on-bias"
        found.append(Explanation(cause, algebra, (name,), len(wrong)))
        return
    if not any(name in e.arrays for e in found):
        unexplained.setdefault(name, ("reg > 0",))


def _factor(a: Array, b: Array) -> float | None:
    """Return c where a = c b, to rounding."""
    squares = float(np.sum(b * b))
    c = float(np.sum(a * b)) / squares if squares else 0.0
    return c if squares and _close(a, c * b, tolerance=2.0**-36) else None


def _loss(probes: Sequence[Probe]) -> list[Explanation]:
    found = []
    for table, given in (
        (LOSSES, lambda p: p.loss),
        (PENALTIES_OF_LOSS, lambda p: p.penalty_of_loss),
    ):

        def fits(form: Form, p: Probe, given: Callable[[Probe], float] = given) -> bool:
            return _close(form.of(p.q), given(p), p.loss)

        wrong = [p for p in probes if not fits(table[0], p)]
        if len(wrong) < FEWEST:
            continue
        for form in table[1:]:
            if all(fits(form, p) for p in wrong):
                found.append(Explanation(form.cause, form.algebra, ("loss",), len(wrong)))
                break
        else:
            found.append(Explanation("", "", ("loss",), len(wrong)))
    return found


def _with_loss(
    gradient: list[Explanation], loss: list[Explanation], unexplained: dict[str, tuple[str, ...]]
) -> list[Explanation]:
    """Return all explanations: what is wrong with the loss alone is that the gradient is not that of it."""
    found = list(gradient)
    for e in loss:
        same = next((n for n, g in enumerate(found) if e.cause and g.cause == e.cause), None)
        if same is not None:
            g = found[same]
            found[same] = replace(g, arrays=("loss", *g.arrays))
        elif (not gradient and not unexplained) or e.cause:
            algebra = e.algebra or "the gradient is right, and the loss is not"
            found.append(Explanation("loss-and-gradient-disagree", algebra, ("loss",), e.probes))
        else:
            unexplained["loss"] = ()
    return found


def _merged(found: list[Explanation]) -> list[Explanation]:
    """Return one explanation for each cause, with all arrays that it shows in."""
    merged: dict[tuple[Any, ...], Explanation] = {}
    for e in found:
        key = (e.cause, e.when)
        if key in merged:
            first = merged[key]
            arrays = tuple(dict.fromkeys((*first.arrays, *e.arrays)))
            merged[key] = replace(first, arrays=arrays)
        else:
            merged[key] = e
    return list(merged.values())
