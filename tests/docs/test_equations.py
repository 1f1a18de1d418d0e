"""Every equation on a derivation page is executed on problems that Hypothesis draws."""

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.equations import DERIVATIONS, Equation, Section, WrongEquationError, check, numbers, sections

PAGES = sorted(DERIVATIONS.glob("*.md"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def executed(page):
    return [section for section in sections(page.read_text()) if section.lines]


@each_page
@settings(max_examples=max(15, settings.default.max_examples // 10))
@given(data=st.data())
def test_every_line_gives_what_it_claims(page, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))

    for section in executed(page):
        check(section.lines, numbers(section, lambda name: data.draw(st.integers(1, 4), label=name), rng))


@each_page
def test_a_planted_error_in_any_line_is_noticed(page):
    rng = np.random.default_rng(0)

    for section in executed(page):
        problems = [numbers(section, lambda name: int(rng.integers(2, 5)), rng) for _ in range(3)]
        for i, line in enumerate(section.lines):
            wrong = section.lines
            plant_error(wrong[i])
            assert any(noticed(wrong, problem) for problem in problems), ast.unparse(line)


def noticed(lines, problem):
    try:
        check(lines, problem)
    except (WrongEquationError, IndexError):  # the error may make an index invalid
        return True
    return False


def plant_error(line):
    """Make the right-hand side of a line slightly larger."""
    if isinstance(line, ast.Expr):
        line.value.comparators[-1] = larger(line.value.comparators[-1])
    else:
        line.value = larger(line.value)


def larger(expression):
    return ast.parse(f"1.01 * ({ast.unparse(expression)}) + 0.01").body[0].value


@each_page
def test_every_equation_has_a_label_and_is_executed_or_says_why_not(page):
    labels = []
    assert "$$" not in page.read_text(), "an equation is a {math} block with a label"

    for section in sections(page.read_text()):
        for equation in section.equations:
            assert equation.label.startswith(f"{page.stem}-"), equation.formula
            assert bool(equation.computed) != bool(equation.reason), equation.label
            labels.append(equation.label)

    assert len(set(labels)) == len(labels)


def test_at_least_95_percent_of_the_equations_are_executed():
    equations = [e for page in PAGES for section in sections(page.read_text()) for e in section.equations]

    assert len(equations) > 100
    assert sum(bool(e.computed) for e in equations) >= 0.95 * len(equations)


# the checker itself
FORWARD = """\
x: (N, D)
W: (D, H)

z = x @ W
J = np.sum(z**2)
"""


def verdict(computed, forward=FORWARD):
    section = Section(forward, [Equation("", "", computed)])
    rng = np.random.default_rng(0)
    try:
        check(section.lines, numbers(section, lambda name: {"N": 2, "D": 3, "H": 4}[name], rng))
    except WrongEquationError as error:
        return str(error)
    return "right"


@pytest.mark.parametrize(
    ("computed", "expected"),
    [
        ("dz = 2 * z\ndW = x.T @ dz\ndx = dz @ W.T", "right"),
        ("dz = 2 * z\ndW = np.einsum('nd,nh->dh', x, dz)\ndW = x.T @ dz", "right"),
        ("dz = z", "dz = z: must be [["),
        ("dz = 2 * z\ndW = dz.T @ x", "shape must be (3, 4), got (4, 3)"),
        ("z == np.einsum('nd,dh->nh', x, W) == x @ W", "right"),
        ("z == x @ W == x @ W + 1e-6", "z == x @ W == x @ W + 1e-06: must be [["),
        ("z = x @ W * (1 + 1e-6)", "must be"),
        ("a = z**2\nJ == np.sum(a)", "right"),
        ("a = z**2", "defined but never used: a = z ** 2"),
        ("print(z)", "a line must be name = … or a == b"),
    ],
)
def test_a_line_is_judged_by_what_it_claims(computed, expected):
    assert expected in verdict(computed)


def test_a_gradient_is_that_of_the_whole_path_to_J():
    forward = FORWARD.replace("J = ", "a = np.where(z > 0, z, 0)\nJ = np.sum(a) + ")

    assert verdict("da = np.ones((N, H))\ndz = da * (z > 0) + 2 * z", forward) == "right"
    assert verdict("dz = 1.0 * (z > 0)", forward) != "right"


def test_a_reason_ends_with_its_line():
    page = "```{math}\n:label: a\n\nx\n```\n\n% not computed: a limit\n\n```{math}\n:label: b\n\ny\n```\n"

    (section,) = sections(page)

    assert [(e.label, e.reason) for e in section.equations] == [("a", "a limit"), ("b", "")]


def test_labels_and_ranges_are_drawn_as_declared():
    forward = "y: labels(C)[N]\nr: between(2, 3)[()]\nv: (N, 3)\nJ = r * np.sum(v[y == 0])"
    rng = np.random.default_rng(0)

    for _ in range(20):
        known = numbers(Section(forward), lambda name: {"C": 2, "N": 5}[name], rng).known
        assert known["y"].shape == (5,)
        assert set(known["y"].tolist()) <= {0, 1}
        assert 2 <= known["r"] < 3
        assert known["v"].shape == (5, 3)
        assert (known["N"], known["C"]) == (5, 2)
