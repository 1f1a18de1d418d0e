"""Tables in plain text."""

from handgrad.graph.inspection.tables import join_wrapped, table


def test_columns_are_as_wide_as_their_widest_line():
    assert table(["a", "head"], [["1\n22", "x"], ["", "long cell"]]) == [
        "a   head",
        "--  ---------",
        "1   x",
        "22",
        "    long cell",
    ]


def test_a_combining_sign_has_no_width():
    assert table(["a", "b"], [["x̄", "1"], ["yz", "2"]])[2:] == ["x̄   1", "yz  2"]


def test_a_list_breaks_only_between_its_parts():
    assert join_wrapped(["its own array e", "x (8 B)", "a part that is longer than a line"], 26).split("\n") == [
        "its own array e, x (8 B),",
        "a part that is longer than a line",
    ]
