"""Docstrings whose common parts are written once."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["complete"]

_F = TypeVar("_F", bound=Callable[..., Any])


def complete(f: _F, *, lead: str = "", sections: str = "", imports: str, references: str) -> None:
    """Add to a function's docstring what it shares with others, so that ``help`` shows all of it.

    The docstring itself is a summary, details, and an example from the first ``>>>`` on.

    Parameters
    ----------
    f : function
        Its ``__doc__`` is replaced.
    lead : str
        A paragraph that follows the summary.
    sections : str
        Parameters, Returns and Raises.
    imports : str
        The names that the example imports beside NumPy: ``"handgrad.rules import relu"``.
    references : str
    """
    if not f.__doc__:  # python -OO strips it
        return
    text, _, example = inspect.cleandoc(f.__doc__).partition("\n>>> ")
    summary, _, details = text.partition("\n\n")
    if example:
        example = f"Examples\n--------\n>>> import numpy as np\n>>> from {imports}\n>>> {example}"
    parts = [summary, lead, details, sections, example, f"References\n----------\n{references}"]
    f.__doc__ = "\n\n".join(part.strip() for part in parts if part)
