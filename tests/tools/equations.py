"""The equations of the derivation pages, executed: what stands beside a formula is computed, and compared.

A page has three kinds of blocks for it. ``{forward}`` declares what is given, and computes J of it::

    X: (N, D)                    an array of that shape; sizes have names
    y: labels(C)[N]              integers in [0, C)
    reg: between(0, 2)[()]       numbers from a range
    J = np.mean(X) * reg         each line defines one quantity, the last is called J

``{math}`` is a displayed equation with a label; and ``{computed}`` under it is the same in NumPy, on the numbers of the
forward pass and of the lines before. A line ``dz1 = …`` claims to be the gradient of J with respect to z1, and is
compared with ``jax.grad`` with respect to that very quantity. A line that gives a name again claims to be equal to what
it was. ``a == b`` claims just that. Any other line defines a name, which a later line has to use.

Under an equation that is not executed stands, in a comment, why: ``% not computed: a limit``.

The comparison is to half of the digits: it is the formula that is judged here. How many digits a program keeps is
measured elsewhere (``python -m oracle accuracy``).
"""

import ast
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import oracle.reference  # noqa: F401 (sets JAX to float64)
from oracle.rounding.monte_carlo import perturbed

DERIVATIONS = Path(__file__).parents[2] / "docs" / "derivations"
TOLERANCE = np.sqrt(np.finfo(float).eps)
ROUNDING = 2**12 * np.finfo(float).eps  # what may be left of numbers of ordinary size that cancel to 0

_BLOCK = re.compile(
    r"^```\{(math|forward|computed)\}\n(.*?)^```\n(?:\n?% not computed: ([^\n]*)\n)?", re.DOTALL | re.MULTILINE
)


class WrongEquationError(AssertionError):
    """A line that does not give what the page says it does."""


@dataclass
class Equation:
    """A displayed equation, its lines of code, and why there are none if there are none."""

    label: str
    formula: str
    computed: str = ""
    reason: str = ""


@dataclass
class Section:
    """What is computed forward, and the equations on it."""

    forward: str = ""
    equations: list[Equation] = field(default_factory=list)

    @property
    def lines(self):
        """All lines that are computed, in order, as statements of one program."""
        return ast.parse("\n".join(e.computed for e in self.equations)).body


def sections(text):
    """Return the sections of a page: each begins with what is computed forward."""
    found = [Section()]
    for kind, body, reason in _BLOCK.findall(text):
        if kind == "forward":
            found.append(Section(body))
        elif kind == "math":
            label = re.match(r":label: (\S+)\n", body)
            found[-1].equations.append(Equation(label[1] if label else "", body, reason=reason))
        else:
            found[-1].equations[-1].computed += body
    return [section for section in found if section.forward or section.equations]


# ---------------------------------------------------------------------------------------------- problems
class _Sizes(dict):
    """Names of sizes, drawn when they are met."""

    def __init__(self, draw, known):
        super().__init__(known)
        self.draw = draw

    def __missing__(self, name):
        if not (name.isidentifier() and name[0].isupper()):
            raise NameError(f"{name} is not defined")
        self[name] = self.draw(name)
        return self[name]


class _Entries:
    """Where the entries of an array come from; indexed by its shape."""

    def __init__(self, draw):
        self.draw = draw

    def __getitem__(self, shape):
        return self.draw(shape if isinstance(shape, tuple) else (shape,))


def problem(forward, size, rng):
    """Return the arrays and sizes that a forward block declares, with sizes from a function of their names."""
    whole = rng.random() < 0.3  # small whole numbers hit every kink

    def normal(shape):
        a = rng.standard_normal(shape)
        return np.round(a) if whole else a

    domains = {
        "between": lambda low, high: _Entries(lambda shape: rng.uniform(low, high, shape)),
        "labels": lambda C: _Entries(lambda shape: rng.integers(0, C, shape)),
    }
    sizes, arrays = _Sizes(size, domains), {}
    for line in ast.parse(forward).body:
        if isinstance(line, ast.AnnAssign):
            found = eval(ast.unparse(line.annotation), {}, sizes)
            arrays[line.target.id] = found if isinstance(found, np.ndarray | float) else _Entries(normal)[found]
    return {name: np.asarray(a) for name, a in arrays.items()}, {k: n for k, n in sizes.items() if k not in domains}


# ------------------------------------------------------------------------------------------------- checks
@dataclass
class Numbers:
    """All quantities of a forward pass, and the gradient of J with respect to each."""

    known: dict
    gradients: dict


def numbers(section, size, rng):
    """Return those of a random problem, with sizes from a function of their names."""
    given, sizes = problem(section.forward, size, rng)
    steps = [line for line in ast.parse(section.forward).body if isinstance(line, ast.Assign)]

    def run(xp, added):
        known = {"np": xp, **sizes}
        for name, a in given.items():
            known[name] = a + added[name] if name in added else a
        for step in steps:
            name = step.targets[0].id
            value = eval(ast.unparse(step.value), known)
            known[name] = value + added[name] if name in added else value
        return known

    known = run(np, {})
    zeros = {name: np.zeros(np.shape(a)) for name, a in known.items() if getattr(a, "dtype", np.dtype(int)).kind == "f"}
    gradient = jax.grad(lambda added: run(jnp, added)["J"])
    return Numbers(known, perturbed(gradient, zeros, compiled=False)(np.float64, zeros)[0] if steps else {})


def check(lines, of):
    """Raise WrongEquationError unless every line gives what it claims on these numbers."""
    known, unproved = dict(of.known), {}
    for line in lines:
        source = ast.unparse(line)
        used = {node.id for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        unproved = {name: text for name, text in unproved.items() if name not in used}
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Compare):
            first, *others = [eval(ast.unparse(side), known) for side in (line.value.left, *line.value.comparators)]
            for other in others:
                _compare(source, other, first)
        elif isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name = line.targets[0].id
            value = eval(ast.unparse(line.value), known)
            claims = [known[name]] if name in known else []
            claims += [of.gradients[name[1:]]] if name[0] == "d" and name[1:] in of.gradients else []
            for claim in claims:
                _compare(source, value, claim)
            if not claims:
                unproved[name] = source
            known[name] = value
        else:
            raise WrongEquationError(f"expected name = … or a == b, given: {source}")
    if unproved:
        raise WrongEquationError(f"defined, but nothing is said of it: {'; '.join(unproved.values())}")


def _compare(source, given, expected):
    given, expected = np.asarray(given, float), np.asarray(expected, float)
    if given.shape != expected.shape:
        raise WrongEquationError(f"{source}: shape {given.shape}, expected {expected.shape}")
    largest = np.max(np.abs(expected), initial=0)
    if not np.allclose(given, expected, rtol=TOLERANCE, atol=TOLERANCE * largest + ROUNDING):
        raise WrongEquationError(f"{source}: {given.tolist()}, expected {expected.tolist()}")


def table(pages):
    """Return how many equations each page has, how many are executed, and why the others are not."""
    lines = ["| page | equations | executed | the others |", "|---|---|---|---|"]
    for page in pages:
        equations = [e for section in sections(page.read_text()) for e in section.equations]
        others = "; ".join(f"`{e.label}`: {e.reason}" for e in equations if not e.computed)
        lines.append(f"| {page.stem} | {len(equations)} | {sum(bool(e.computed) for e in equations)} | {others} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(sorted(DERIVATIONS.glob("*.md"))) + "\n")
