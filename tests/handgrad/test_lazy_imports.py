"""What ``import handgrad`` imports, and what it leaves for later."""

import pickle
import subprocess
import sys

import pytest

import handgrad


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_importing_handgrad_brings_in_numpy_alone():
    code = """
import sys, numpy.random
before = set(sys.modules)
import handgrad
brought = {m.split(".")[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)
assert brought <= {"handgrad", "numpy"}, brought
"""
    run(code)


def test_graph_training_networks_data_and_frameworks_load_when_asked():
    code = "import sys, handgrad; print(*{m.split('.')[1] for m in sys.modules if m.startswith('handgrad.')})"

    assert set(run(code)) == {"arrays", "docstrings", "rules", "validation"}


def test_a_name_loads_its_own_module_alone():
    code = "import sys, handgrad; handgrad.sgd; print(*(m for m in sys.modules if m.startswith('handgrad.')))"

    loaded = run(code)

    assert "handgrad.training.optimizers" in loaded
    assert not {"handgrad.graph", "handgrad.datasets", "handgrad.frameworks"} & set(loaded)


def test_every_public_name_is_imported_by_a_star():
    names = {}

    exec("from handgrad import *", names)

    assert set(handgrad.__all__) <= names.keys()
    assert names["fit"] is handgrad.fit
    assert names["mlp"] is handgrad.NETWORKS["mlp"]


def test_dir_lists_what_has_not_loaded_yet():
    listed = run("import handgrad; print(*dir(handgrad))")

    assert {*handgrad.__all__, "networks", "training", "frameworks"} <= set(listed)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'handgrad' has no attribute 'fitt'"):
        _ = handgrad.fitt


@pytest.mark.parametrize("name", ["relu", "fit", "TwoLayerNet", "init_params", "NonFiniteError"])
def test_public_functions_and_classes_are_pickled_by_name(name):
    public = getattr(handgrad, name)

    assert pickle.loads(pickle.dumps(public)) is public
