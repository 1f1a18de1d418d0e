"""The rules: one operation each, its value and, under it, its pullback.

A rule is by hand what ``jax.vjp`` gives: ``value, backward = rule(x, ...)``, then ``(dx, ...) = backward(dvalue)``.
Positional arguments are differentiated, keyword-only arguments are not. ``backward(dvalue, needs=...)`` takes one flag
for each positional argument, and skips the work for those that are not needed.

Each module is a family of rules. A function in a family's ``__all__`` is a rule and is found here: a new family is one
new file.
"""

import importlib
import pkgutil
from types import FunctionType
from typing import TYPE_CHECKING, Any

from handgrad.rules.activations import ACTIVATIONS
from handgrad.rules.rule import Pullback, Rule

if TYPE_CHECKING:
    from handgrad.rules.activations import *  # noqa: F403
    from handgrad.rules.affine import *  # noqa: F403
    from handgrad.rules.arithmetic import *  # noqa: F403
    from handgrad.rules.losses import *  # noqa: F403
    from handgrad.rules.matmul import *  # noqa: F403
    from handgrad.rules.penalties import *  # noqa: F403
    from handgrad.rules.reductions import *  # noqa: F403
    from handgrad.rules.shaping import *  # noqa: F403

#: Modules that are not families: the parts that rules are made of.
_SHARED_PARTS = {"broadcasting", "rule", "second_derivatives"}


def _find_families() -> dict[str, dict[str, Any]]:
    """Return the rules of each family by name, the families in alphabetical order."""
    families = {}
    for _, family, _ in pkgutil.iter_modules(__path__):  # noqa: F405
        if family not in _SHARED_PARTS:
            module = importlib.import_module(f"{__name__}.{family}")
            members = {name: getattr(module, name) for name in module.__all__}
            families[family] = {name: f for name, f in members.items() if isinstance(f, FunctionType)}
    return families


_families = _find_families()
_found = {name: rule for family in _families.values() for name, rule in family.items()}
_first = ["affine", *ACTIVATIONS, "softmax_cross_entropy", "l2"]

#: Every rule by name; the tests, the oracle and the documentation iterate over it.
RULES: dict[str, Rule] = {name: _found[name] for name in dict.fromkeys([*_first, *_found])}

#: The general operations that a computational graph is built of, as opposed to the layers, losses and penalties.
PRIMITIVES: dict[str, Rule] = {
    name: rule
    for family in ("arithmetic", "matmul", "reductions", "shaping")
    for name, rule in _families[family].items()
}

globals().update(RULES)  # a submodule such as ``affine`` gives way to the rule of its name

__all__ = ["ACTIVATIONS", "PRIMITIVES", "RULES", "Pullback", "Rule"]
__all__ += RULES
