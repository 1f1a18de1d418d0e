"""Execute the equations of the derivation pages, and compare the results with what the pages claim.

Usage: python -m tests.tools.equations, which counts the executed equations of each page and says why others are not.

A page has three kinds of blocks. ``{forward}`` declares the inputs and computes J from them::

    X: (N, D)                    an array of that shape; sizes are named
    y: labels(C)[N]              integers in [0, C)
    reg: between(0, 2)[()]       numbers from a range
    J = np.mean(X) * reg         each line defines one quantity, the last one is J

``{math}`` is a displayed equation with a label. ``{computed}`` below it is the same in NumPy, and can use the values of
the forward pass and of earlier lines. A line ``dz1 = …`` claims to be the gradient of J with respect to z1, and is
compared with ``jax.grad`` with respect to that quantity. A line that assigns a name again claims that its value is the
same. ``a == b`` claims just that. Any other line defines a name, which a later line must use.

A comment below an equation that is not executed gives the reason: ``% not computed: a limit``.

Values are compared to half of their digits: this checks formulas. ``python -m oracle accuracy`` measures how many
digits a program keeps.
"""

import argparse
import ast
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import oracle.reference  # noqa: F401 (sets JAX to float64)
from oracle.rounding.monte_carlo import with_perturbed_rounding

DERIVATIONS = Path(__file__).parents[2] / "docs" / "derivations"
TOLERANCE = np.sqrt(np.finfo(float).eps)
ROUNDING = 2**12 * np.finfo(float).eps  # what may remain when numbers of ordinary size cancel to 0

_BLOCK = re.compile(
    r"^```\{(math|forward|computed)\}\n(.*?)^```\n(?:\n?% not computed: ([^\n]*)\n)?", re.DOTALL | re.MULTILINE
)


class WrongEquationError(AssertionError):
    """A line whose value is not what the page claims."""


@dataclass
class Equation:
    """A displayed equation, with its lines of code or the reason why it has none."""

    label: str
    formula: str
    computed: str = ""
    reason: str = ""


@dataclass
class Section:
    """A forward block and the equations that follow it."""

    forward: str = ""
    equations: list[Equation] = field(default_factory=list)

    @property
    def lines(self):
        """All executed lines in order, as the statements of one program."""
        return ast.parse("\n".join(e.computed for e in self.equations)).body


def sections(text):
    """Return the sections of a page, each of which begins with a forward block."""
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
    """Sizes by name, drawn at their first use."""

    def __init__(self, draw, known):
        super().__init__(known)
        self.draw = draw

    def __missing__(self, name):
        if not (name.isidentifier() and name[0].isupper()):
            raise NameError(f"{name} is not defined")
        self[name] = self.draw(name)
        return self[name]


class _Entries:
    """A source of arrays, indexed by their shape."""

    def __init__(self, draw):
        self.draw = draw

    def __getitem__(self, shape):
        return self.draw(shape if isinstance(shape, tuple) else (shape,))


def problem(forward, size, rng):
    """Return the arrays and sizes that a forward block declares; ``size(name)`` draws the sizes."""
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
    """Return the numbers of a random problem; ``size(name)`` draws its sizes."""
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
    return Numbers(
        known, with_perturbed_rounding(gradient, zeros, compiled=False)(np.float64, zeros)[0] if steps else {}
    )


def check(lines, of):
    """Raise WrongEquationError unless every line gives what it claims on these numbers."""
    known, unused = dict(of.known), {}
    for line in lines:
        source = ast.unparse(line)
        used = {node.id for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        unused = {name: text for name, text in unused.items() if name not in used}
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
                unused[name] = source
            known[name] = value
        else:
            raise WrongEquationError(f"a line must be name = … or a == b, got: {source}")
    if unused:
        raise WrongEquationError(f"defined but never used: {'; '.join(unused.values())}")


def _compare(source, given, expected):
    given, expected = np.asarray(given, float), np.asarray(expected, float)
    if given.shape != expected.shape:
        raise WrongEquationError(f"{source}: shape must be {expected.shape}, got {given.shape}")
    largest = np.max(np.abs(expected), initial=0)
    if not np.allclose(given, expected, rtol=TOLERANCE, atol=TOLERANCE * largest + ROUNDING):
        raise WrongEquationError(f"{source}: must be {expected.tolist()}, got {given.tolist()}")


def table(pages):
    """Return a table of each page's number of equations, how many are executed, and why the others are not."""
    lines = ["| page | equations | executed | the others |", "|---|---|---|---|"]
    for page in pages:
        equations = [e for section in sections(page.read_text()) for e in section.equations]
        others = "; ".join(f"`{e.label}`: {e.reason}" for e in equations if not e.computed)
        lines.append(f"| {page.stem} | {len(equations)} | {sum(bool(e.computed) for e in equations)} | {others} |")
    return "\n".join(lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    sys.stdout.write(table(sorted(DERIVATIONS.glob("*.md"))) + "\n")
