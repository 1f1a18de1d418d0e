"""The protocol of rules: types, the formula, and the parts of docstrings that rules share."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from handgrad.arrays.namespace import Array
from handgrad.docstrings import complete

__all__ = ["ALL_NEEDED", "Cotangents", "Needs", "Pullback", "Rule", "call_pullback", "entrywise", "formula"]

#: One flag for each positional argument: True if its cotangent is needed.
Needs: TypeAlias = Sequence[bool]

#: The default of ``needs``; no rule has more arguments than this, unless it takes any number of them.
ALL_NEEDED: Needs = (True,) * 8

#: One array for each positional argument, or None where it is not needed.
Cotangents: TypeAlias = tuple[Array | None, ...]


class Pullback(Protocol):
    """Map the cotangent of a rule's value to the cotangents of its positional arguments."""

    def __call__(self, cotangent: Array, /, needs: Needs = ALL_NEEDED) -> tuple[Any, ...]:
        """Return a tuple with one entry for each positional argument, each of its shape and dtype.

        Where ``needs`` is False the entry is None if there are several arguments; a rule of one argument ignores the
        flag, as there is no reason to call its pullback when nothing is needed.
        """


#: ``value, backward = rule(*differentiated, **not_differentiated)``, and ``cotangents = backward(cotangent)``.
Rule: TypeAlias = Callable[..., tuple[Array, Callable[..., tuple[Any, ...]]]]


def call_pullback(backward: Callable[..., Any], cotangent: Array, needs: Needs) -> Any:
    """Call the pullback of any rule: a user's own may have no parameter ``needs``."""
    try:
        takes_needs = "needs" in inspect.signature(backward, follow_wrapped=False).parameters
    except ValueError:  # a function in C without a signature
        takes_needs = False
    return backward(cotangent, needs=needs) if takes_needs else backward(cotangent)


_F = TypeVar("_F", bound=Callable[..., Any])

_ENTRYWISE = """
Parameters
----------
{x} : array of any shape, float32 or float64

Returns
-------
{z} : array like {x}
backward : callable
    ``(d{x},) = backward(d{z})``, with d{z} and d{x} like {x}.

Raises
------
TypeError
    If {x} is not a real floating array.
"""


def formula(text: str, *, sections: str = "", source: str = "") -> Callable[[_F], _F]:
    """Return a decorator that gives a rule its ``formula`` and completes its docstring; it wraps nothing.

    The rule's own docstring is a summary, what is special about the rule, and an example from the first ``>>>`` on.
    The decorator adds the formula, the sections, the imports of the example, and the references.

    Parameters
    ----------
    text : str
        The pullback in the rule's own letters, such as ``"dx = dz y, dy = dz x"``.
    sections : str
        Parameters, Returns and Raises, where a family of rules has them in common.
    source : str
        A paper, cited after the derivation page.

    Examples
    --------
    >>> from handgrad.rules import multiply
    >>> multiply.formula
    'dx = dz y, dy = dz x'
    """

    def decorate(rule: _F) -> _F:
        decorated: Any = rule
        decorated.formula = text
        complete(
            rule,
            lead=f"The pullback is ``{text}``.",
            sections=sections,
            imports=f"handgrad.rules import {rule.__name__}",
            references=f"``docs/derivations/{rule.__name__}.md``{source and f'; {source}'}.",
        )
        return rule

    return decorate


def entrywise(text: str, *, x: str = "x", z: str = "z", source: str = "") -> Callable[[_F], _F]:
    """Return :func:`formula` for a rule z = f(x) that maps each entry on its own; x and z are the names it uses."""
    return formula(text, sections=_ENTRYWISE.format(x=x, z=z), source=source)
