"""The decorators: the formula is data, and the docstring is completed; pullbacks with and without ``needs``."""

import functools
import inspect

import numpy as np
import pytest

from handgrad import RULES
from handgrad.rules.rule import call_pullback, entrywise, formula

each_rule = pytest.mark.parametrize("name", RULES)


def test_the_decorator_returns_the_function_itself():
    def double(x):
        """Return z = 2 x, and its pullback."""
        return 2 * x, lambda dz, needs=(True,): (2 * dz,)

    decorated = formula("dx = 2 dz")(double)

    assert decorated is double
    assert decorated.formula == "dx = 2 dz"
    assert decorated(np.ones(2))[1](np.ones(2))[0].tolist() == [2, 2]


def test_a_rule_without_a_docstring_stays_without_one():
    def double(x):
        return 2 * x, lambda dz, needs=(True,): (2 * dz,)

    assert formula("dx = 2 dz")(double).__doc__ is None


def test_the_sections_of_an_entrywise_rule_use_its_letters():
    @entrywise("dz = 2 dh", x="z", z="h", source="A. Author, A paper, 2000")
    def double(z):
        """Return h = 2 z, and its pullback.

        >>> double(np.ones(2))[0]
        array([2., 2.])
        """

    text = inspect.getdoc(double)

    for part in [
        "Return h = 2 z, and its pullback.\n\nThe pullback is ``dz = 2 dh``.\n",
        "Parameters\n----------\nz : array of any shape, float32 or float64\n",
        "    ``(dz,) = backward(dh)``, with dh and dz like z.\n",
        "Raises\n------\nTypeError\n    If z is not a real floating array.\n",
        "\n>>> import numpy as np\n>>> from handgrad.rules import double\n>>> double(np.ones(2))[0]\narray([2., 2.])\n",
        "References\n----------\n``docs/derivations/double.md``; A. Author, A paper, 2000.",
    ]:
        assert part in text


@each_rule
def test_help_shows_formula_errors_example_and_source(name):
    rule = RULES[name]
    text = inspect.getdoc(rule)

    assert rule.__doc__ == text  # nothing is left to dedent
    assert f"The pullback is ``{rule.formula}``." in text
    for title in ("Raises", "Examples", "References"):
        assert f"\n{title}\n{'-' * len(title)}\n" in text
    assert f">>> from handgrad.rules import {name}\n" in text
    assert f"``docs/derivations/{name}.md``" in text


class Doubled:
    def __call__(self, dz, *, needs=(True, True)):
        return needs


def without_needs(dz):
    needs = "a local variable"
    return dz, needs


@pytest.mark.parametrize(
    ("backward", "expected"),
    [
        (lambda dz, needs: needs, (False, True)),
        (lambda dz, *, needs=(True, True): needs, (False, True)),
        (functools.partial(lambda scale, dz, needs: needs, 2.0), (False, True)),
        (Doubled(), (False, True)),
        (without_needs, (7.0, "a local variable")),
        (functools.wraps(Doubled().__call__)(lambda dz: "wrapped"), "wrapped"),
        (lambda *args, **kwargs: (args, kwargs), ((7.0,), {})),
        (int, 7),
    ],
)
def test_needs_goes_to_those_pullbacks_alone_that_name_it(backward, expected):
    assert call_pullback(backward, 7.0, (False, True)) == expected
