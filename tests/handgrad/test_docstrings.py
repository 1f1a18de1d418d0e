"""Docstrings are completed in one order, whatever they begin with."""

from handgrad.docstrings import complete


def completed(text, **parts):
    def f():
        pass

    f.__doc__ = text
    complete(f, imports="handgrad import f", references="A page.", **parts)
    return f.__doc__


def test_the_parts_come_in_the_order_of_numpydoc():
    text = """Return x.

        More about x.

        >>> f()
        1
        """

    assert completed(text, lead="Lead.", sections="\nRaises\n------\nTypeError\n").split("\n\n") == [
        "Return x.",
        "Lead.",
        "More about x.",
        "Raises\n------\nTypeError",
        "Examples\n--------\n>>> import numpy as np\n>>> from handgrad import f\n>>> f()\n1",
        "References\n----------\nA page.",
    ]


def test_output_that_is_indented_stays_so():
    text = """Return x.

        >>> f()
        array([[1],
               [2]])
        """

    assert "array([[1],\n       [2]])" in completed(text)


def test_without_an_example_there_is_no_section_for_it():
    assert completed("Return x.") == "Return x.\n\nReferences\n----------\nA page."


def test_a_stripped_docstring_stays_away():
    assert completed(None) is None
