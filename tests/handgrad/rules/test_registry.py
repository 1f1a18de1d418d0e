"""The registry finds the rules of every module in the package."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import handgrad
from handgrad import RULES, rules

LAYER_NORM = '''
from handgrad.arrays.namespace import namespace
from handgrad.rules.rule import ALL_NEEDED, formula

__all__ = ["layer_norm"]


@formula("dx = (dz − mean(dz) − z mean(dz z)) / σ")
def layer_norm(x, *, eps=1e-5):
    """Return z, the rows of x with mean 0 and variance 1, and its pullback."""
    xp = namespace(x)
    d = x - xp.mean(x, axis=-1, keepdims=True)
    s = xp.sqrt(xp.mean(d * d, axis=-1, keepdims=True) + eps)
    z = d / s

    def backward(dz, needs=ALL_NEEDED):
        return ((dz - xp.mean(dz, axis=-1, keepdims=True) - z * xp.mean(dz * z, axis=-1, keepdims=True)) / s,)

    return z, backward
'''


def test_a_new_file_adds_its_rules_and_changes_no_other(tmp_path):
    package = shutil.copytree(Path(handgrad.__file__).parent, tmp_path / "handgrad")
    (package / "rules" / "normalization.py").write_text(LAYER_NORM, encoding="utf-8")
    code = """
import numpy as np, handgrad.rules
assert handgrad.rules.layer_norm is handgrad.RULES["layer_norm"]
from handgrad.rules import *
z, backward = layer_norm(np.eye(3))
assert abs(backward(z)[0]).max() < 1e-3
print(*handgrad.RULES)
"""

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, text=True,
                          capture_output=True, check=True)  # fmt: skip

    assert [name for name in done.stdout.split() if name != "layer_norm"] == list(RULES)
    assert "layer_norm" in done.stdout


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_an_attribute_of_the_package_and_survives_pickling(name):
    assert getattr(rules, name) is RULES[name]
    assert pickle.loads(pickle.dumps(RULES[name])) is RULES[name]


def test_the_activations_are_rules_in_their_own_order():
    assert [name for name in RULES if name in rules.ACTIVATIONS] == list(rules.ACTIVATIONS)


def test_primitives_are_rules_and_not_layers_losses_or_penalties():
    assert rules.PRIMITIVES.items() <= RULES.items()
    assert RULES.keys() - rules.PRIMITIVES == {"affine", *rules.ACTIVATIONS, "softmax_cross_entropy", "l2"}
