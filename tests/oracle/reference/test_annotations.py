"""Annotations say what a reference takes, and what they do not say is an error by name."""

from typing import Annotated

import pytest
from jax import Array

from oracle import reference
from oracle.reference.annotations import (
    ArraySpec,
    Choices,
    argument_names,
    array_specs,
    data_specs,
    keyword_specs,
    param_specs,
    spec,
    value_dims,
)


def test_dimensions_are_read_off_the_reference():
    affine = reference.RULES["affine"]

    assert {name: s.shapes for name, s in array_specs(affine).items()} == {
        "x": (("N", "D"),),
        "W": (("D", "H"),),
        "b": (("H",),),
    }
    assert value_dims(affine) == ("N", "H")
    assert value_dims(reference.RULES["add"]) is None


def test_an_array_may_have_several_shapes_a_domain_and_padding():
    s = spec("N H | 3 | ", "positive", {"H": -1.0})

    assert s == ArraySpec((("N", "H"), ("3",), ()), "positive", {"H": -1.0})
    assert [s.shape({"N": 2, "H": 4}, choice) for choice in range(3)] == [(2, 4), (3,), ()]
    assert s.dims == {"N", "H"}


def test_integers_below_a_dimension_bring_it_along():
    labels = keyword_specs(reference.RULES["softmax_cross_entropy"])["labels"]

    assert (labels.bound, labels.dims) == ("C", {"N", "C"})


def test_an_unknown_domain_is_refused_by_name():
    with pytest.raises(ValueError, match=r"domain must be one of .*below C, got 'sideways'"):
        spec("N", "sideways")


def test_a_keyword_without_an_annotation_is_refused_by_name():
    def loss(x: Annotated[Array, "N"], *, targets) -> Array:
        return x - targets

    with pytest.raises(TypeError, match=r"loss: targets must be annotated with Choices\(…\) or dimensions"):
        keyword_specs(loss)


def test_parameters_are_a_pytree_in_its_own_order():
    assert list(param_specs(reference.NETWORKS["two_layer"].loss)) == ["W1", "b1", "W2", "b2"]
    assert list(param_specs(reference.NETWORKS["mlp"].loss, activation=("tanh",))) == ["W1", "b1", "W2", "b2"]


def test_a_network_says_what_its_data_are():
    data = data_specs(reference.NETWORKS["two_layer"].loss)

    assert data["X"].shapes == (("N", "D"),)
    assert data["y"].bound == "C"
    assert isinstance(data["reg"], Choices)


def test_arguments_of_any_number_are_numbered():
    assert argument_names(reference.RULES["concatenate"], 3) == ["arrays0", "arrays1", "arrays2"]
