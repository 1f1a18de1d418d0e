"""The oracle: proves hand-derived gradients against jax.grad and exact arithmetic, on problems Hypothesis makes up.

Nothing is imported before it is used: JAX takes a second.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.adapters import adapt
    from oracle.checking import assert_gradients, check, check_rule, problems
    from oracle.conventions import Conventions
    from oracle.verdict import Verdict, WrongGradient

__all__ = ["Conventions", "Verdict", "WrongGradient", "adapt", "assert_gradients", "check", "check_rule", "problems"]

_HOMES = {
    "adapt": "adapters",
    "assert_gradients": "checking",
    "check": "checking",
    "check_rule": "checking",
    "problems": "checking",
    "Conventions": "conventions",
    "Verdict": "verdict",
    "WrongGradient": "verdict",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
