"""Entries that are moved, repeated or picked: values as in NumPy, cotangents where their entries came from."""

import jax
import numpy as np
import pytest

from oracle import reference
from oracle.reference.exact_forms import numbers
from oracle.reference.recording import exact_form_of
from oracle.reference.rules import shaping

x = np.arange(6.0).reshape(2, 3)
REPEATED = np.array([0, 0, -1])

#: A rule, its arguments, its keywords, what NumPy gives, and how often each entry of the first argument is used.
KNOWN = {
    "reshape": ((x,), {"shape": (-1, 1)}, x.reshape(-1, 1), np.ones((2, 3))),
    "transpose": ((x[None],), {"axes": (2, 0, 1)}, x[None].transpose(2, 0, 1), np.ones((1, 2, 3))),
    "broadcast_to": ((x[:, :1],), {"shape": (4, 2, 3)}, np.broadcast_to(x[:, :1], (4, 2, 3)), np.full((2, 1), 12)),
    "concatenate": ((x, 10 * x), {"axis": 0}, np.concatenate([x, 10 * x]), np.ones((2, 3))),
    "getitem": ((x,), {"index": (REPEATED, REPEATED)}, x[REPEATED, REPEATED], np.array([[2, 0, 0], [0, 0, 1]])),
    "scatter": (
        (x,),
        {"index": np.array([2, 2]), "shape": (3, 3)},
        np.array([[0] * 3, [0] * 3, [3, 5, 7]]),
        np.ones((2, 3)),
    ),
}


def test_every_rule_has_a_known_case():
    assert {*KNOWN} == {*shaping.__all__}


@pytest.mark.parametrize("name", shaping.__all__)
def test_value_is_that_of_numpy_and_each_entry_is_counted(name):
    args, keywords, expected, uses = KNOWN[name]
    rule = reference.RULES[name]

    value, backward = exact_form_of(rule)(*map(numbers, args), **keywords)
    by_jax, vjp = jax.vjp(lambda *a: rule(*a, **keywords), *args)

    assert np.asarray(value, float).tolist() == by_jax.tolist() == expected.tolist()
    assert np.asarray(backward(numbers(np.ones(expected.shape)))[0], float).tolist() == uses.tolist()
    assert vjp(np.ones(expected.shape))[0].tolist() == uses.tolist()
