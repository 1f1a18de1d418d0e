"""Problems, and the Hypothesis strategies that draw them."""

from typing import Any

from hypothesis import strategies as st

import handgrad
from oracle.reference import NETWORKS, RULES
from oracle.strategies.expressions import EXPRESSIONS, SECOND_DERIVATIVES, expression_problems
from oracle.strategies.networks import network_problems
from oracle.strategies.rules import rule_problems

__all__ = ["NAMES", "problems"]

#: The names of all that can be verified.
NAMES = (*handgrad.NETWORKS, *handgrad.RULES, EXPRESSIONS, SECOND_DERIVATIVES)


def problems(name: str, dtype: Any = None) -> st.SearchStrategy[Any]:
    """Return the strategy for the problems of a name in ``NAMES``; raise ``ValueError`` if it has no reference."""
    if name in (EXPRESSIONS, SECOND_DERIVATIVES):
        return expression_problems(dtype, second=name == SECOND_DERIVATIVES)
    kind, found = ("networks", NETWORKS) if name in handgrad.NETWORKS else ("rules", RULES)
    if name not in found:
        raise ValueError(f"{name} must have a reference in oracle/reference/{kind}, got none")
    return network_problems(name, dtype) if kind == "networks" else rule_problems(name, dtype)
