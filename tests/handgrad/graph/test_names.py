"""The names of rules and nodes."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest

from handgrad import RULES, rules
from handgrad.graph import Variable, apply, draw, gradients, trace
from handgrad.graph.names import rule_name
from handgrad.rules.rule import formula


@dataclass
class Scale:
    factor: float
    formula = "dx = factor dz"

    def __call__(self, x):
        return self.factor * x, lambda dz: (self.factor * dz,)


@formula("dx = n xⁿ⁻¹ dz")
def powers(x, *, exponent):
    return x**exponent, lambda dz: (exponent * x ** (exponent - 1) * dz,)


cube = functools.partial(powers, exponent=3)


@pytest.mark.parametrize(
    ("rule", "name"),
    [(rules.exp, "exp"), (cube, "powers"), (functools.partial(cube, exponent=4), "powers"), (Scale(2.0), "Scale")],
)
def test_a_rule_is_called_by_its_function_or_class(rule, name):
    x = Variable(np.ones(3), "x")

    assert rule_name(rule) == name
    with pytest.raises(ValueError, match=rf"got the {name} of shape \(3,\)"):
        gradients(apply(rule, x), x)
    assert trace(lambda x: np.sum(apply(rule, x)), x).steps[1].operation == name
    assert f'("{name}<br/>' in draw(np.sum(apply(rule, x))).mermaid
    assert f"{name} → tanh<br/>× 2" in draw(np.sum(np.tanh(apply(rule, np.tanh(apply(rule, x))))), fold=True).mermaid


@pytest.mark.parametrize(("rule", "slope", "text"), [(cube, 12, "dx = n xⁿ⁻¹ dz"), (Scale(2.0), 2, "dx = factor dz")])
def test_rules_that_are_no_plain_functions_have_gradients_and_formulas(rule, slope, text):
    step = trace(lambda x: apply(rule, x), 2.0).backward[0]

    assert step.outgoing == {"x": slope}
    assert step.formula == text


def test_each_rule_of_ours_has_a_name_of_its_own():
    assert len({rule_name(rule) for rule in RULES.values()}) == len(RULES)


def test_number_is_called_by_its_value_and_no_step():
    traced = trace(lambda x: 2.0 * x + 2, 1.5)

    assert [(step.name, step.inputs) for step in traced.forward] == [("x", ()), ("v1", ("2", "x")), ("v2", ("v1", "2"))]


def test_names_come_from_arguments_keys_places_and_variables():
    def f(v, params, pair, *rest, c):
        u = v * params["W"] * pair[0] * pair[1]["b"] * rest[0] * c
        u.name = "u"
        return np.sum(u)

    own = Variable(1.0, name="mine")
    traced = trace(f, own, {"W": 1.0}, [1.0, {"b": 1.0}], 1.0, c=np.ones(2))

    assert [s.name for s in traced.forward if not s.node.rule] == ["mine", "W", "pair.0", "pair.1.b", "x3", "c"]
    assert traced.backward[1].name == "u"
    assert next(s for s in traced.backward if s.name == "mine").incoming == 2


def test_names_that_are_taken_are_not_given_twice():
    first, second = {"W": 2.0}, {"W": 3.0}

    traced = trace(lambda a, b, v1: a["W"] * b["W"] * v1, first, second, 5.0)

    assert [step.name for step in traced.forward] == ["W", "W_2", "v1", "v2", "v3"]
    assert {s.name: s.incoming for s in traced.backward if not s.node.rule} == {"W": 15, "W_2": 10, "v1": 6}


def test_arrays_of_the_program_are_constants_with_invented_names():
    traced = trace(lambda x: np.sum(x * np.ones(2) + np.array([1, 2])), 1.0)

    assert [(s.name, s.operation) for s in traced.forward[:4]] == [
        ("x", "input"),
        ("c1", "constant"),
        ("v1", "multiply"),
        ("c2", "constant"),
    ]
