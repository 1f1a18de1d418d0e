"""The known mistakes that explain a difference: the backward pass judged layer by layer, from the loss down.

The penalty is isolated by calling the candidate with reg and with reg = 0; the rest belongs to the data. Then, layer by
layer, each formula of the table is tried in the place of the correct one, fed with what was accepted of the layer
above: dW_i and db_i must equal what it gives, to rounding, on every probe. The fewest departures win; where two explain
it equally well, both are named. If no formula explains a layer on all probes, only those on which it is wrong count.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import ACTIVATIONS
from oracle.diagnosis.causes import Explanation
from oracle.diagnosis.perceptrons.conditions import conditions
from oracle.diagnosis.perceptrons.forward_pass import ForwardPass, Layer, is_weight
from oracle.diagnosis.perceptrons.loss_and_penalty import explain_loss, explain_penalty
from oracle.diagnosis.perceptrons.mistakes import BIASES, HIDDEN, SCORES, WEIGHTS, Mistake, mistakes
from oracle.diagnosis.perceptrons.probes import MIN_PROBES, Case, Probe, close
from oracle.diagnosis.perceptrons.unlisted import UNLISTED, explain_by_missing_entries
from oracle.strategies.networks import NetworkProblem

__all__ = ["explain"]

Array = NDArray[Any]
Conditions = tuple[str, ...]

#: The correct gradients, and what may stand in their place.
_WEIGHTS = (Mistake("", "", lambda q: q.dW), *WEIGHTS)
_BIASES = (Mistake("", "", lambda q: q.db), *BIASES)
#: A second departure that may come on top of one: the same wrong dz, times a factor.
_TWICE = mistakes(
    {
        "mean-missing": {"the same times N": lambda q: q.dz * q.mean_factor},
        "mean-twice": {"the same divided by N": lambda q: q.dz / q.mean_factor},
        "sign-flipped": {"the same times −1": lambda q: -q.dz},
        "factor-wrong": {"the same times 2": lambda q: 2 * q.dz, "the same times ½": lambda q: q.dz / 2},
    }
)


def explain(probes: Sequence[Probe]) -> tuple[list[Explanation], dict[str, Conditions]]:
    """Return the explanations, and the arrays without one together with the conditions under which they are wrong."""
    if not probes:
        return [], {}
    with np.errstate(all="ignore"):  # a wrong formula may do anything
        found, unexplained = _explain_gradients(probes)
        explanations, loss_unexplained = explain_loss(probes, found, unexplained)
        if loss_unexplained:
            unexplained["loss"] = ()
        if unexplained.keys() == {"loss", *probes[0].data} and (another := _explain_by_activation(probes)):
            return [another, *explanations], {}
    return explanations, unexplained


def _explain_gradients(probes: Sequence[Probe]) -> tuple[list[Explanation], dict[str, Conditions]]:
    found: list[Explanation] = []
    unexplained: dict[str, Conditions] = {}
    by_weights: dict[str, list[Array]] = {}
    upstream: list[Array | None] = [None] * len(probes)
    for i in range(probes[0].fwd.depth, 0, -1):
        stage = _explain_layer([Case(p, i, dz) for p, dz in zip(probes, upstream)])
        found = [replace(e, arrays=(*e.arrays, *stage.propagated)) if e.propagates else e for e in found]
        found += stage.explanations
        unexplained |= stage.unexplained
        by_weights |= stage.by_weights
        upstream = [*stage.dz]
    for name in probes[0].fwd.params:
        explanation, unknown = explain_penalty(probes, name, by_weights.get(name))
        found += [explanation] if explanation else []
        if unknown and not any(name in e.arrays for e in found):
            unexplained.setdefault(name, ("reg > 0",))
    return _merged(found), unexplained


def _merged(found: Sequence[Explanation]) -> list[Explanation]:
    """Return one explanation for each cause, with all arrays that show it."""
    merged: dict[tuple[str, Conditions], Explanation] = {}
    for e in found:
        first = merged.setdefault((e.cause, e.when), e)
        merged[e.cause, e.when] = replace(first, arrays=tuple(dict.fromkeys((*first.arrays, *e.arrays))))
    return list(merged.values())


def _explain_by_activation(probes: Sequence[Probe]) -> Explanation | None:
    """Explain everything at once by another activation, if all answers are right for the network that has it."""
    depth = probes[0].fwd.depth
    for name in ACTIVATIONS if depth > 1 else ():
        kwargs = {"activation": (name,) * (depth - 1)}
        if all(_is_right_for(replace(p.problem, name="mlp", kwargs=kwargs), p) for p in probes):
            return Explanation("activation-wrong", f"h = {name}(z)", ("loss", *probes[0].data), len(probes))
    return None


def _is_right_for(problem: NetworkProblem, p: Probe) -> bool:
    fwd = ForwardPass(problem)
    return close(fwd.loss, p.loss) and all(
        close(layer.dW, p.data[f"W{layer.i}"]) and close(layer.db, p.data[f"b{layer.i}"]) for layer in fwd.backward()
    )


# ----------------------------------------------------------------------------------------------------------- one layer


@dataclass(frozen=True)
class Stage:
    """The explanation of one layer."""

    #: The dz that was accepted, on each probe.
    dz: Sequence[Array]
    explanations: Sequence[Explanation] = ()
    unexplained: dict[str, Conditions] = field(default_factory=dict)
    #: The arrays that are wrong for a reason that lies above, and for no other.
    propagated: tuple[str, ...] = ()
    #: The change that reg makes to a gradient through weights updated too early, on each probe.
    by_weights: dict[str, list[Array]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Solution:
    """The mistakes in dz, and for each gradient the formula (correct or not) that explains it; None where none does."""

    of_dz: tuple[Mistake, ...]
    layer: Callable[[Case], Layer]
    of_gradient: dict[str, Mistake | None]

    @property
    def unexplained(self) -> list[str]:
        return [name for name, m in self.of_gradient.items() if m is None]

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return (*self.of_dz, *(m for m in self.of_gradient.values() if m and m.cause))

    @property
    def causes(self) -> frozenset[str]:
        return frozenset(m.cause for m in self.mistakes)

    def shows(self, case: Case) -> bool:
        """Return True if the answers would differ from the candidate's if the solution held here as well."""
        layer = self.layer(case)
        return not all(_fits(m, layer, case, name) for name, m in self.of_gradient.items() if m)


def _explain_layer(cases: Sequence[Case]) -> Stage:
    i = cases[0].i
    names = tuple(name for name in (f"W{i}", f"b{i}") if all(name in c.probe.data for c in cases))
    wrong = [c for c in cases if not c.is_right(names)]
    default = [c.default.dz for c in cases]
    if len(wrong) < MIN_PROBES:
        moved = any(not close(dz, c.probe.right[i].dz) for dz, c in zip(default, cases))
        return Stage(default, propagated=names if moved else ())
    best, when = _solve_where_it_shows(cases, wrong, names)
    solution, *others = best
    if len(solution.unexplained) == len(names):
        for guess in UNLISTED:
            if (found := guess(wrong, names)) is not None:
                explanation, dz = found
                return Stage([dz.get(c, c.default.dz) for c in cases], [replace(explanation, when=_when(wrong, cases))])
    explanations, unexplained = [], {}
    for name in solution.unexplained:
        bad = [c for c in wrong if not c.is_right([name])]
        found = explain_by_missing_entries(bad, [name]) if len(bad) >= MIN_PROBES else None
        if found is not None:
            explanations.append(replace(found[0], when=_when(bad, cases)))
        else:
            unexplained[name] = _when(bad, cases)
    if len(solution.unexplained) == len(names):
        return Stage(default, explanations, unexplained)
    return Stage(
        [solution.layer(c).dz if not when or c in wrong else c.default.dz for c in cases],
        [*explanations, *_explanations(solution, others, len(wrong), when)],
        unexplained,
        by_weights=_change_by_weights(solution, cases, names),
    )


def _explanations(
    solution: _Solution, others: Sequence[_Solution], count: int, when: Conditions
) -> Iterator[Explanation]:
    """Yield an explanation for each mistake of a solution, with the causes of the others for alternatives."""
    distinct = {s.causes: s for s in others if s.causes != solution.causes}
    alternatives = tuple(
        (m.cause, m.algebra) for s in distinct.values() for m in s.mistakes if m.cause not in solution.causes
    )
    explained = tuple(name for name, m in solution.of_gradient.items() if m)
    for m in solution.of_dz:
        yield Explanation(m.cause, m.algebra, explained, count, when, alternatives, propagates=True)
    for name, of in solution.of_gradient.items():
        if of and of.cause:
            yield Explanation(of.cause, of.algebra, (name,), count, when, alternatives)


def _change_by_weights(solution: _Solution, cases: Sequence[Case], names: Sequence[str]) -> dict[str, list[Array]]:
    """Return by how much reg changes the gradients through updated weights."""

    def gradients(m: Mistake, fwd: ForwardPass, case: Case) -> Layer:
        layer = fwd.layer(case.i, case.upstream)
        return layer.with_dz(m.formula(layer))

    changes: dict[str, list[Array]] = {}
    for m in solution.of_dz:
        if m.uses_updated_weights:
            pairs = [(gradients(m, c.probe.fwd, c), gradients(m, c.probe.unpenalised, c)) for c in cases]
            changes |= {name: [a.gradient(name) - b.gradient(name) for a, b in pairs] for name in names}
    return changes


def _when(wrong: Sequence[Case], cases: Sequence[Case]) -> Conditions:
    """Return the conditions that the wrong cases meet and the others do not."""
    return conditions([c.probe.problem for c in wrong], [c.probe.problem for c in cases if c not in wrong])


# ---------------------------------------------------------------------------------------------------- the best formulas


def _solve_where_it_shows(
    cases: Sequence[Case], wrong: Sequence[Case], names: Sequence[str]
) -> tuple[list[_Solution], Conditions]:
    """Return the best solutions on all cases; or, if they explain more, on the wrong ones, and when it shows."""
    best = _solve(cases, names)
    if best[0].unexplained and len(wrong) < len(cases):
        again = _solve(wrong, names)
        if len(again[0].unexplained) < len(best[0].unexplained):
            shows = [c for c in cases if again[0].shows(c)]
            when = _when(wrong, shows)
            if when or len(wrong) > MIN_PROBES:
                return again, when or ("the problem has something that is not known",)
    return best, ()


def _solve(cases: Sequence[Case], names: Sequence[str]) -> list[_Solution]:
    """Return the solutions that leave the least unexplained with the fewest departures."""
    alone = all(c.probe.fwd.N == 1 for c in cases)  # an example by itself has no other to be weighed against
    options = [(of_dz, layer) for of_dz, layer in _options(cases) if not (alone and any(m.needs_batch for m in of_dz))]
    best = _best(_solution(cases, names, of_dz, layer) for of_dz, layer in options)
    if best[0].unexplained:
        twice = (
            _solution(cases, names, (*of_dz, factor), _replaced(factor, layer))
            for of_dz, layer in options
            for factor in _TWICE
            if of_dz and of_dz[0].cause != factor.cause
        )
        best = _best([*best, *twice])
    return best


def _options(cases: Sequence[Case]) -> Iterator[tuple[tuple[Mistake, ...], Callable[[Case], Layer]]]:
    """Yield mistakes in dz, none first, and a function that gives the layer with them."""

    def default(case: Case) -> Layer:
        return case.default

    def right(case: Case) -> Layer:
        return case.probe.right[case.i]

    yield (), default
    if cases[0].upstream is None:
        for m in SCORES:
            yield (m,), _replaced(m, default, of_scores=True)
        return
    moved = any(not np.array_equal(default(c).dz, right(c).dz) for c in cases)
    bases = [default, right] if moved else [default]
    yield from (((), base) for base in bases[1:])
    for m, base in itertools.product(HIDDEN, bases):
        yield (m,), _replaced(m, base)


def _replaced(m: Mistake, base: Callable[[Case], Layer], *, of_scores: bool = False) -> Callable[[Case], Layer]:
    def layer(case: Case) -> Layer:
        below = base(case)
        return below.with_dz(m.formula(below.fwd if of_scores else below))

    return layer


def _solution(
    cases: Sequence[Case], names: Sequence[str], of_dz: tuple[Mistake, ...], layer: Callable[[Case], Layer]
) -> _Solution:
    layers: list[Layer] = []  # most formulas fail on the first case, and need no other

    def fits(m: Mistake, name: str) -> bool:
        for k, case in enumerate(cases):
            if k == len(layers):
                layers.append(layer(case))
            if not _fits(m, layers[k], case, name):
                return False
        return True

    chosen = {name: next((m for m in _of_gradient(name) if fits(m, name)), None) for name in names}
    return _Solution(of_dz, layer, chosen)


def _of_gradient(name: str) -> tuple[Mistake, ...]:
    return _WEIGHTS if is_weight(name) else _BIASES


def _fits(m: Mistake, layer: Layer, case: Case, name: str) -> bool:
    return case.fits(name, np.asarray(m.formula(layer)), exact=m.exact)


def _best(solutions: Iterable[_Solution]) -> list[_Solution]:
    """Return those that leave the least unexplained, and of them those with the fewest departures."""
    ranked = [((len(s.unexplained), len(s.mistakes)), s) for s in solutions]
    least = min(rank for rank, _ in ranked)
    return [s for rank, s in ranked if rank == least]
