"""The arguments that all perceptrons take: their checks, and their paragraphs in the docstrings."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from handgrad.arrays.namespace import Array
from handgrad.docstrings import complete
from handgrad.rules.activations import ACTIVATIONS
from handgrad.rules.rule import Rule
from handgrad.validation import check_inputs, check_keys, check_labels, check_reg

# fmt: off
__all__ = [
    "Activation", "Params", "activation_rules", "check_depth", "check_problem", "documented", "names_of_depth",
    "parameter_names",
]
# fmt: on

#: Parameters, or arrays like them, by name.
Params: TypeAlias = Mapping[str, Array]

#: A name in ``handgrad.ACTIVATIONS``, a rule, or one of them for each hidden layer.
Activation: TypeAlias = str | Rule | Sequence[str | Rule]

_F = TypeVar("_F", bound=Callable[..., Any])


@functools.lru_cache(maxsize=32)
def names_of_depth(depth: int) -> tuple[str, ...]:
    """Return W1, b1, W2, b2, … for this many layers."""
    return tuple(f"{kind}{i}" for i in range(1, depth + 1) for kind in "Wb")


def parameter_names(params: Params) -> tuple[str, ...]:
    """Return W1, b1, W2, b2, … for as many layers as ``params`` can mean."""
    return names_of_depth(max(1, (len(params) + 1) // 2) if isinstance(params, Mapping) else 1)


def check_depth(params: Params, depth: int) -> Params:
    """Return ``params``; raise unless they are the parameters of this many layers."""
    check_keys(params, names_of_depth(depth))
    return params


def check_problem(
    params: Params, X: Array, y: Array, reg: Any, names: Sequence[str], *, input_grad: bool = False
) -> tuple[Any, Array, Any]:
    """Return the array library, X in the parameters' dtype, and reg as a number; raise unless all arguments fit."""
    xp, X = check_inputs(params, X, names, input_grad=input_grad)
    last_bias = params[names[-1]]
    check_labels(y, xp, X.shape[0], last_bias.shape[0])
    return xp, X, check_reg(reg, last_bias.dtype)


def activation_rules(activation: Activation, params: Params) -> list[Rule]:
    """Return the rule of each hidden layer."""
    hidden = len(params) // 2 - 1
    if isinstance(activation, str) or callable(activation):
        activation = [activation] * hidden
    if len(activation) != hidden:
        raise ValueError(f"activation must have {hidden} entries, one for each hidden layer, got {len(activation)}")
    return [*map(_rule, activation)]


def _rule(activation: str | Rule) -> Rule:
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be a rule or one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    return ACTIVATIONS[activation]


_PARAMETERS = {
    "params": "dict\n    {shapes}; all float32 or all float64.",
    "direction": "dict\n    Arrays of the parameters' keys, shapes and dtypes.",
    "X": "(N, D) array of real numbers\n    One example a row, computed in the parameters' dtype.",
    "y": "(N,) array of integers in [0, C)\n    The correct class of each example.",
    "reg": "float\n    Strength of the L2 penalty on the weights, 0 or more; biases are not penalised.",
    "activation": (
        "str, rule, or a sequence of them, one for each hidden layer\n"
        "    A name in ``handgrad.ACTIVATIONS`` or a function with ``h, backward = f(z)``."
    ),
    "input_grad": 'bool\n    True to add the gradient of X, which costs a matrix product, under the key ``"X"``.',
}

_J = "J : 0-d array, the parameters' dtype\n    In nats."

_RETURNS = {
    "scores": "(N, C) array, the parameters' dtype",
    "loss": _J,
    "loss_and_grad": f"{_J}\ngrads : dict\n    A new array for each parameter, of its shape and dtype.",
    "predict": "(N,) array of integers in [0, C)",
}

_RAISES = """
TypeError, ValueError
    If a key, shape, dtype, label or another argument does not fit, the batch is empty, or an entry or the loss is not
    finite (NonFiniteError).
"""


def documented(
    shapes: str = "W1 (D, H1), b1 (H1,), W2 (H1, H2), b2 (H2,), … for any number of layers",
    *,
    returns: str = "",
    imports: str = "",
    source: str = "",
) -> Callable[[_F], _F]:
    """Return a decorator that completes the docstring of a network's function; it wraps nothing.

    Parameters
    ----------
    shapes : str
        The names and shapes of the parameters.
    returns : str
        The section Returns, unless the function is one of scores, loss, loss_and_grad and predict.
    imports : str
        The names that the example imports from handgrad; by default ``init_params`` and the module.
    source : str
        A paper, cited after the derivation page.
    """

    def decorate(f: _F) -> _F:
        module = f.__module__.rpartition(".")[2]
        names = f.__code__.co_varnames[: f.__code__.co_argcount + f.__code__.co_kwonlyargcount]
        sections = {
            "Parameters": "\n".join(f"{name} : {_PARAMETERS[name].format(shapes=shapes)}" for name in names),
            "Returns": returns or _RETURNS[f.__name__],
            "Raises": _RAISES.strip(),
        }
        complete(
            f,
            sections="\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items()),
            imports=f"handgrad import {imports or f'init_params, {module}'}",
            references=f"``docs/derivations/{module}.md``{source and f'; {source}'}.",
        )
        return f

    return decorate
