"""The oracle: verifies hand-derived gradients against jax.grad and exact arithmetic, on problems that Hypothesis draws.

Modules are imported on first use, because importing JAX takes a second.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.candidates.adapters import adapt
    from oracle.checks.check import assert_gradients, check, check_rule, problems
    from oracle.reports.verdict import Verdict, WrongGradient
    from oracle.strategies.conventions import Conventions

__all__ = ["Conventions", "Verdict", "WrongGradient", "adapt", "assert_gradients", "check", "check_rule", "problems"]

_HOMES = {
    "adapt": "candidates.adapters",
    "assert_gradients": "checks.check",
    "check": "checks.check",
    "check_rule": "checks.check",
    "problems": "checks.check",
    "Conventions": "strategies.conventions",
    "Verdict": "reports.verdict",
    "WrongGradient": "reports.verdict",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
