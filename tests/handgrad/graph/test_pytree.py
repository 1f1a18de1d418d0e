"""Trees of arrays."""

import numpy as np

from handgrad.graph import variables
from handgrad.graph.pytree import tree_leaves, tree_map

A = np.ones(2)


def test_variables_are_named_by_where_they_stand():
    tree = variables({"W1": A, "layers": [A, {"b": A}]})

    assert [v.name for v in (tree["W1"], tree["layers"][0], tree["layers"][1]["b"])] == ["W1", "layers.0", "layers.1.b"]


def test_none_is_no_leaf_and_structures_stay_what_they_are():
    tree = {"a": (1, None), "b": [[2.0], {}]}

    assert tree_map(lambda x, _: -x, tree) == {"a": (-1, None), "b": [[-2.0], {}]}
    assert tree_leaves(tree) == [1, 2.0]
    assert tree_leaves(3) == [3]
