"""Problems that Hypothesis makes up, for each rule and each network.

Hypothesis draws what decides whether a mistake shows (dimensions, scales, features, labels, dtype) and a seed; NumPy
makes the entries from the seed. So a problem costs a millisecond, and shrinks to small dimensions, small integers and
no feature that the failure does not need.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle import reference
from oracle.reference.annotations import Among, Operand, arguments_of, dimensions_of, keywords_of, operands_of
from oracle.strategies.conventions import HANDGRAD, Conventions

__all__ = [
    "ACTIVATIONS_OF_MLP",
    "DOMAINS",
    "SEEDS",
    "NetworkProblem",
    "RuleProblem",
    "copied",
    "network_problems",
    "rule_problems",
]

LARGEST = 8
#: A dimension that is larger still, if one is wanted: code that goes in blocks is wrong behind the last whole one.
LARGE = (9, 17, 33, 40)

#: The hidden activations that a drawn mlp has: every activation, every depth from one affine map to four.
ACTIVATIONS_OF_MLP: tuple[tuple[str, ...], ...] = (
    (),
    ("gelu",),
    ("tanh", "silu"),
    ("selu", "relu", "softplus"),
    ("sigmoid", "leaky_relu"),
    ("mish", "softsign", "elu"),
    ("hard_tanh", "log_sigmoid"),
    ("identity", "relu"),
)

#: What the entries of an array are like, the simplest first: a failing problem shrinks towards it.
SCALES = ("integers", "ordinary", "small", "tens", "thousands")
#: What entries become to lie in the domain of a function, and in float32 its value and slope in the format's range.
DOMAINS: dict[str, Callable[[Any], Any]] = {
    "": lambda a: a,
    "nonzero": lambda a: np.where(a == 0, 1, a),
    "positive": lambda a: np.where(a == 0, 1, np.abs(a)),
    "above -1": lambda a: np.where(a > -1, a, -a),
    "exponents": lambda a: np.clip(a, -80, 80),
    "bases": lambda a: np.clip(np.abs(a), 1e-3, 1e4),
    "powers": lambda a: np.clip(a, -8, 8),
}
_REGS = (0.0, 1.0, 0.1, 3.5, 1e-8, 1e3, 1e6)
_LABEL_DTYPES = ("int64", "int32", "int16", "uint8", "int8", "uint64")
#: What else a network's problem may have: none or one of each line.
_FEATURES = (
    # "dead unit": a column of W1 and its bias are zero: its pre-activation is exactly 0
    # "tied scores": two classes have the same weights and bias, and tie for the maximum
    ("zero biases", "dead unit", "tied scores"),
    ("scores to 1e4", "one row times 1e5", "biases shifted by 1000"),
    ("one class only", "an absent class", "label dtypes"),
    ("layouts", "read-only", "integer X"),
)


# Built once: Hypothesis validates a strategy each time it is built anew, which costs more than to draw from it.
# No two have the same elements: where a problem draws from alike ones, Hypothesis follows it with five copies that
# have one draw in the place of another, and of 200 problems only a sixth are new.
_DTYPES = st.sampled_from((np.float64, np.float32))
_KINDS_OF_SIZES = st.sampled_from(("any", "equal", "distinct"))
_KINDS_WITH_LARGE = st.sampled_from(("any", "equal", "distinct") * 2 + ("one large",))
# Four small numbers, not a large one: among large ones Hypothesis puts those that it finds in whatever modules are
# loaded, and the same seed would draw something else in another process.
SEEDS = st.tuples(*(st.sampled_from(range(n)) for n in (97, 98, 99, 100)))
_STRENGTHS = st.sampled_from(_REGS)
_NETWORK_SCALES = st.sampled_from(SCALES)
_RULE_SCALES = st.sampled_from((*SCALES, "ten thousands", "tails"))
_COTANGENT_SCALES = st.sampled_from(("integers", "ordinary", "tens"))
_LARGE = st.sampled_from([(i, n) for i in (0, 0, 1, 2, 3) for n in LARGE])  # the batch more often than another
_LAYOUTS = st.sampled_from(("C", "mixed"))
_MULTIPLES = st.sampled_from((1.0, 0.5, 2.0))
_HIDDEN = st.sampled_from(ACTIVATIONS_OF_MLP)
_COUNTS = st.sampled_from((2, 1, 3))
_EACH_FEATURE = [st.sampled_from(("none",) * 3 + features) for features in _FEATURES]


@functools.cache
def _size(name: str) -> st.SearchStrategy[tuple[str, int]]:
    """Return a strategy for a dimension, 1 more often than another: that is where most goes wrong."""
    return st.sampled_from([(name, n) for n in (1, *range(1, LARGEST + 1))])


@dataclass(frozen=True)
class RuleProblem:
    """Arguments for a rule and a cotangent for its pullback."""

    name: str
    args: tuple[NDArray[Any], ...]
    kwargs: dict[str, Any]
    cotangent: NDArray[Any]
    #: A function in JAX that the pullback shall be that of, if it is not the rule's own twin.
    truth: Callable[..., Any] | None = None

    @property
    def argument_names(self) -> list[str]:
        """The names of the arguments that are differentiated."""
        if self.truth is None:
            return arguments_of(reference.RULES[self.name], len(self.args))
        return [f"x{i}" for i in range(len(self.args))]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that everything is computed in."""
        return self.args[0].dtype


@dataclass(frozen=True)
class NetworkProblem:
    """Parameters, data, labels and regularisation strength for a network."""

    name: str
    params: dict[str, NDArray[Any]]
    X: NDArray[Any]
    y: NDArray[Any]
    reg: float
    kwargs: dict[str, Any] = field(default_factory=dict)
    #: The scale of its entries, and what else was drawn.
    features: frozenset[str] = frozenset()
    #: Whether the gradient with respect to X is asked for as well; there is none with respect to integers.
    input_grad: bool = True
    conventions: Conventions = HANDGRAD
    #: A loss(params, X, y, reg) in JAX that the gradient shall be that of, if it is not the network's own.
    truth: Callable[..., Any] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that everything is computed in."""
        return self.params["W1"].dtype


@st.composite
def rule_problems(draw: st.DrawFn, name: str, dtype: Any = None, *, large: bool = False) -> RuleProblem:
    """Draw a problem for a rule, float32 or float64 unless a dtype is given, and at times one that is ``large``."""
    dtype = draw(_DTYPES) if dtype is None else dtype
    twin = reference.RULES[name]
    sizes = _sizes(draw, _dimensions(twin), large)
    scale = draw(_RULE_SCALES)
    layout = draw(_LAYOUTS)
    rng = np.random.default_rng(draw(SEEDS))

    def array(operand: Operand) -> NDArray[Any]:
        entries = _entries(rng, _shape(draw, operand, sizes), scale)
        return _laid_out(DOMAINS[operand.domain](entries), dtype, rng, layout)

    args: list[NDArray[Any]] = []
    for argument, operand in operands_of(twin).items():
        args += [array(operand) for _ in range(draw(_COUNTS) if argument[0] == "*" else 1)]
    kwargs: dict[str, Any] = {}
    for keyword, p in inspect.signature(twin).parameters.items():
        choice = keywords_of(twin).get(keyword)
        if isinstance(choice, Among):
            kwargs[keyword] = draw(_among(twin, keyword))
        elif choice is not None:
            shape = _shape(draw, choice, sizes)
            kwargs[keyword] = shape if choice.domain == "sizes" else np.asarray(rng.random(shape) < 0.5)
        elif keyword == "labels":
            kwargs[keyword] = rng.integers(0, sizes["C"], sizes["N"])
        elif keyword == "reg":
            kwargs[keyword] = float(dtype(draw(_STRENGTHS)))
        elif p.kind is p.KEYWORD_ONLY and isinstance(p.default, float):
            kwargs[keyword] = float(dtype(p.default * draw(_MULTIPLES)))
    cotangent = _entries(rng, _value_shape(twin, args, kwargs, sizes), draw(_COTANGENT_SCALES))
    return RuleProblem(name, tuple(args), kwargs, _laid_out(cotangent, dtype, rng, layout))


@functools.cache
def _dimensions(twin: Callable[..., Any]) -> list[str]:
    """Return the dimensions that have to be drawn; a number is no name."""
    choices = [*operands_of(twin).values(), *(k for k in keywords_of(twin).values() if isinstance(k, Operand))]
    found = {d for choice in choices for dims in choice.shapes for d in dims if not d.isdigit()}
    return sorted(found.union(dimensions_of(twin).get("return", ())))


@functools.cache
def _among(twin: Callable[..., Any], keyword: str) -> st.SearchStrategy[Any]:
    choice = keywords_of(twin)[keyword]
    assert isinstance(choice, Among)
    return st.sampled_from(choice.values)


@functools.cache
def _one_of(shapes: tuple[tuple[str, ...], ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from(shapes)


def _shape(draw: st.DrawFn, operand: Operand, sizes: dict[str, int]) -> tuple[int, ...]:
    dims = operand.shapes[0] if len(operand.shapes) == 1 else draw(_one_of(operand.shapes))
    return tuple(int(d) if d.isdigit() else sizes[d] for d in dims)


def _value_shape(
    twin: Callable[..., Any], args: Sequence[NDArray[Any]], kwargs: dict[str, Any], sizes: dict[str, int]
) -> tuple[int, ...]:
    """Return the shape of a rule's value: as its twin says it, or as JAX finds it."""
    dims = dimensions_of(twin)
    if "return" in dims:
        return tuple(sizes[d] for d in dims["return"])
    key = (twin, tuple(a.shape for a in args), repr({k: getattr(v, "shape", v) for k, v in kwargs.items()}))
    if key not in _value_shapes:
        _value_shapes[key] = jax.eval_shape(functools.partial(twin, **kwargs), *args).shape
    return _value_shapes[key]


_value_shapes: dict[Any, tuple[int, ...]] = {}


@st.composite
def network_problems(
    draw: st.DrawFn, name: str, dtype: Any = None, activation: Sequence[str] | None = None, *, large: bool = False
) -> NetworkProblem:
    """Draw a problem for a network, float32 or float64 unless a dtype is given, and at times one that is ``large``."""
    dtype = draw(_DTYPES) if dtype is None else dtype
    kwargs: dict[str, Any] = {}
    depth = {"softmax_classifier": 1, "two_layer": 2, "three_layer": 3}.get(name, 0)
    if name == "mlp":
        chosen = draw(_HIDDEN) if activation is None else tuple(activation)
        kwargs["activation"] = chosen
        depth = len(chosen) + 1
    sizes = _sizes(draw, ["N", "D", *(f"H{i}" for i in range(1, depth)), "C"], large)
    N, *widths = sizes.values()
    scale = draw(_NETWORK_SCALES)
    reg = float(dtype(draw(_STRENGTHS)))
    features = frozenset((scale, *map(draw, _EACH_FEATURE))) - {"none"}
    rng = np.random.default_rng(draw(SEEDS))

    params, X = _network(rng, N, widths, scale, features)
    y = _labels(rng, N, widths[-1], features)
    layout = "mixed" if "layouts" in features else "C"
    read_only = "read-only" in features
    X_dtype = np.int64 if "integer X" in features else dtype
    return NetworkProblem(
        name,
        {key: _laid_out(a, dtype, rng, layout, read_only) for key, a in params.items()},
        _laid_out(X, X_dtype, rng, layout, read_only),
        _laid_out(y, y.dtype, rng, layout, read_only),
        reg,
        kwargs,
        features,
        input_grad=X_dtype is dtype,
    )


def _sizes(draw: st.DrawFn, names: Sequence[str], large: bool) -> dict[str, int]:
    """Draw dimensions from 1 up: independent ones; all equal, which hides a transpose; all distinct; or one large."""
    sizes = dict(draw(_size(name)) for name in names)
    kind = draw(_KINDS_WITH_LARGE if large else _KINDS_OF_SIZES)
    if kind == "equal":
        return dict.fromkeys(names, sizes[names[0]])
    if kind == "distinct":
        left = list(range(1, LARGEST + 1))
        return {name: left.pop(min(size, len(left)) - 1) for name, size in sizes.items()}
    if kind == "one large":
        which, size = draw(_LARGE)
        sizes[names[which % len(names)]] = size
    return sizes


def _entries(rng: np.random.Generator, shape: tuple[int, ...], scale: str) -> NDArray[Any]:
    if scale == "integers":  # with zeros and ties: every kink is hit exactly
        return rng.integers(-2, 3, shape).astype(float)
    if scale == "tails":  # magnitudes spread evenly over the exponents
        return rng.choice((-1.0, 1.0), shape) * 10.0 ** rng.uniform(-8, 4, shape)
    factor = {"ordinary": 1.0, "small": 1e-3, "tens": 10.0, "thousands": 1e3, "ten thousands": 1e4}[scale]
    return factor * rng.standard_normal(shape)


def _network(
    rng: np.random.Generator, N: int, widths: Sequence[int], scale: str, features: frozenset[str]
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    params = {}
    for i, shape in enumerate(zip(widths[:-1], widths[1:]), start=1):
        params[f"W{i}"] = _entries(rng, shape, scale)
        params[f"b{i}"] = _entries(rng, shape[1:], "integers" if scale == "integers" else "ordinary")
        if "zero biases" in features or scale == "small":
            params[f"b{i}"] *= 0
    last = len(widths) - 1
    X = _entries(rng, (N, widths[0]), "integers" if scale == "integers" or "integer X" in features else "ordinary")
    if "dead unit" in features:
        params["W1"][:, 0] = params["b1"][0] = 0
    if "biases shifted by 1000" in features:
        params[f"b{last}"] += 1000 * rng.choice((-1, 1))
    if "scores to 1e4" in features:
        params[f"b{last}"] += 1e4 * rng.integers(-1, 2, widths[-1])
    if "tied scores" in features and widths[-1] > 1:
        params[f"W{last}"][:, 1] = params[f"W{last}"][:, 0]
        params[f"b{last}"][:2] = np.max(params[f"b{last}"])
    if "one row times 1e5" in features:
        X[rng.integers(N)] *= 1e5
    return params, X


def _labels(rng: np.random.Generator, N: int, C: int, features: frozenset[str]) -> NDArray[Any]:
    y = rng.integers(0, C, N)
    if "an absent class" in features:
        y[y == C - 1] = 0
    if "one class only" in features:
        y[:] = y[0]
    return y.astype(rng.choice(_LABEL_DTYPES)) if "label dtypes" in features else y


def _laid_out(
    a: NDArray[Any], dtype: Any, rng: np.random.Generator, layout: str, read_only: bool = False
) -> NDArray[Any]:
    """Return ``a`` in its dtype, with the same entries in some other order in memory if the layout is mixed."""
    a = np.asarray(a, dtype)
    if layout == "mixed" and a.ndim:
        kind = rng.integers(4)
        if kind == 1:
            a = np.asfortranarray(a)
        elif kind == 2:  # every second entry of a wider array
            a = np.repeat(a, 2, axis=-1)[..., ::2]
        elif kind == 3:  # backwards in memory
            a = a[::-1].copy()[::-1]
    if read_only:
        a.flags.writeable = False
    return a


def copied(a: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of an array that is laid out in memory as it is, and read-only if it is."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        copy = a.copy(order="K")
    elif any(stride < 0 for stride in a.strides):
        copy = a[::-1].copy()[::-1]
    else:
        copy = a.repeat(2, axis=-1)[..., ::2]
    copy.flags.writeable = a.flags.writeable
    return copy
