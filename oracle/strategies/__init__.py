"""Problems, and the Hypothesis strategies that draw them."""

from typing import Any

from hypothesis import strategies as st

import handgrad
from oracle.strategies.expressions import EXPRESSIONS, SECOND_DERIVATIVES, expression_problems
from oracle.strategies.networks import network_problems
from oracle.strategies.rules import rule_problems

__all__ = ["NAMES", "problems"]

#: The names of all that can be verified.
NAMES = (*handgrad.NETWORKS, *handgrad.RULES, EXPRESSIONS, SECOND_DERIVATIVES)


def problems(name: str, dtype: Any = None) -> st.SearchStrategy[Any]:
    """Return the strategy for the problems of a name in ``NAMES``."""
    if name in (EXPRESSIONS, SECOND_DERIVATIVES):
        return expression_problems(dtype, second=name == SECOND_DERIVATIVES)
    return network_problems(name, dtype) if name in handgrad.NETWORKS else rule_problems(name, dtype)
