"""Pytrees keep their order, and their leaves have paths."""

from oracle.reference.tree import tree_leaves, tree_map

TREE = {"layers": [{"W": 1, "b": 2}, {"W": 3, "b": 4}], "gain": (5,)}


def test_leaves_have_paths_in_the_order_of_the_tree():
    assert tree_leaves(TREE) == {
        "layers.0.W": 1,
        "layers.0.b": 2,
        "layers.1.W": 3,
        "layers.1.b": 4,
        "gain.0": 5,
    }
    assert list(tree_leaves({"b": 1, "a": 2})) == ["b", "a"]


def test_a_map_keeps_the_structure():
    assert tree_map(lambda a: -a, TREE) == {"layers": [{"W": -1, "b": -2}, {"W": -3, "b": -4}], "gain": (-5,)}
