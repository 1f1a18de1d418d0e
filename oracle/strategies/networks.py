"""Problems for networks: parameters, data, labels and a regularisation strength."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import jax
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import handgrad
from oracle import reference
from oracle.reference.annotations import DOMAINS, ArraySpec, Choices, data_specs, keyword_specs, param_specs, value_dims
from oracle.reference.recording import Recording, record
from oracle.reference.tree import tree_leaves, tree_map
from oracle.strategies.arrays import DTYPES, SCALES, SEEDS, draw_sizes, entries, laid_out, literal
from oracle.strategies.conventions import HANDGRAD, Conventions
from oracle.strategies.padding import pad, padded_size
from oracle.strategies.problem import CheckedProblem, Program, Variant, call_source, nudge, shown_source

__all__ = ["NetworkProblem", "network_problems"]

_LABEL_DTYPES = ("int64", "int32", "int16", "uint8", "int8", "uint64")
#: Further features of a network's problem: none or one of each line.
_FEATURES = (
    # "dead unit": the weights and biases of the first unit are zero: its pre-activation is exactly 0
    # "tied scores": two classes have the same weights and bias, and tie for the maximum
    ("zero biases", "dead unit", "tied scores"),
    ("scores to 1e4", "one row times 1e5", "biases shifted by 1000"),
    ("one class only", "an absent class", "label dtypes"),
    ("layouts", "read-only", "integer X"),
)
_SCALES = st.sampled_from(SCALES)
_EACH_FEATURE = [st.sampled_from(("none",) * 3 + features) for features in _FEATURES]


@dataclass(frozen=True)
class NetworkProblem(CheckedProblem):
    """Parameters, data, labels and a regularisation strength for a network."""

    name: str
    params: Any
    X: NDArray[Any]
    y: NDArray[Any]
    reg: float
    kwargs: dict[str, Any] = field(default_factory=dict)
    #: The scale of its entries, and the other features drawn.
    features: frozenset[str] = frozenset()
    #: True if the gradient with respect to X is computed as well; integers have none.
    input_grad: bool = True
    conventions: Conventions = HANDGRAD
    #: A loss(params, X, y, reg) in JAX to check against, instead of the network's reference.
    truth: Callable[..., Any] | None = None

    @functools.cached_property
    def named_params(self) -> dict[str, NDArray[Any]]:
        """The parameters by their paths, in a network of a plain dict by their names."""
        return tree_leaves(self.params)

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone, so that equal problems pickle alike."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = next(iter(self.named_params.values())).dtype
        return dtype

    @property
    def promoted_dtype(self) -> np.dtype[Any]:
        return np.result_type(self.X, self.dtype)

    def arguments(self) -> dict[str, NDArray[Any]]:
        return {**self.named_params, "X": self.X, "y": self.y}

    def like(self) -> dict[str, NDArray[Any]]:
        like = {"loss": np.zeros((), self.dtype), **self.named_params}
        return like | {"X": self.X} if self.input_grad else like

    def map_arrays(self, f: Callable[[NDArray[Any]], NDArray[Any]]) -> Self:
        return replace(self, params=tree_map(f, self.params), X=f(self.X), y=f(self.y))

    def call(self, candidate: Callable[..., Any]) -> Any:
        return candidate(self.params, self.X, self.y, self.reg)

    def answers(self) -> Mapping[str, Any]:
        network = handgrad.NETWORKS[self.name]
        asked = {"input_grad": True} if self.input_grad else {}
        loss, grads = network.loss_and_grad(self.params, self.X, self.y, self.reg, **asked, **self.kwargs)
        return {"loss": loss, **tree_leaves(grads)}

    def program(self) -> Program:
        if self.truth is not None:
            truth: Any = self.truth

            def value_and_grad(params: Any, X: Any, y: Any, reg: Any) -> dict[str, Any]:
                value, grads = jax.value_and_grad(truth)(params, X, y, reg)
                return {"loss": value, **tree_leaves(grads)}

            return Program(value_and_grad, (self.params, self.X, self.y, self._reg), ("loss", truth))
        loss = self._reference()
        params, X, y, fixed = self.params, self.X.astype(self.dtype), _integers(self.y), {}
        padded = value_dims(reference.NETWORKS[self.name].loss) is not None
        if padded:
            size = padded_size((X, *self.named_params.values()))
            specs = tree_leaves(param_specs(reference.NETWORKS[self.name].loss, **self.kwargs))
            arrays = (pad(a, size, spec) for a, spec in zip(self.named_params.values(), specs.values()))
            params = tree_map(lambda _: next(arrays), params)
            X, y, fixed = pad(X, size), pad(y, size), {"where": np.arange(size) < len(self.X)}

        def value_and_grads(params: Any, X: Any, y: Any, reg: Any, fixed: Any) -> dict[str, Any]:
            value, (grads, dX) = jax.value_and_grad(loss, argnums=(0, 1))(params, X, y, reg, **fixed)
            return {"loss": value, **tree_leaves(grads), "X": dX}

        key = ("network", self.name, self.conventions, *self.kwargs.items())
        # each choice of keywords is another program, too rare to pay off
        return Program(value_and_grads, (params, X, y, self._reg, fixed), key, padded and not self.kwargs)

    def recording(self) -> Recording | None:
        if self.truth is not None:
            return None
        loss, y, reg = self._reference(), _integers(self.y), self.reg
        steps = record(lambda params, X: loss(params, X, y, reg), self.params, self.X)
        return Recording({**self.named_params, "X": self.X}, steps)

    @property
    def _reg(self) -> Any:
        return self.dtype.type(self.reg)

    def _reference(self) -> Callable[..., Any]:
        return self.conventions.loss(functools.partial(reference.NETWORKS[self.name].loss, **self.kwargs))

    @property
    def can_be_written(self) -> bool:
        return self.X.dtype.kind == "f" and all(a.flags.writeable for a in (*self.named_params.values(), self.X))

    def rescaled(self) -> Self:
        return replace(self, params=tree_map(lambda a: a * a.dtype.type(1.5), self.params))

    def nudged(self, rng: np.random.Generator) -> Self:
        return replace(self, params=tree_map(lambda a: nudge(a, rng), self.params))

    def examples(self) -> list[Self]:
        rows = (slice(n, n + 1) for n in range(len(self.X)))
        return [replace(self, X=self.X[row], y=self.y[row], reg=0.0) for row in rows]

    def variants(self) -> Iterator[Variant]:
        if self.X.dtype.kind in "iu":
            plain = replace(self, X=self.X.astype(self.dtype))
            yield Variant("X is an integer array", plain, "dtype-demoted", "something is kept in the dtype of X")
        yield from super().variants()
        if self.y.dtype != np.int64:
            plain = replace(self, y=self.y.astype(np.int64))
            yield Variant("the labels are not int64", plain, "label-dtype", "arithmetic in the dtype of the labels")
        if self.dtype == np.float32:
            plain = self.map_arrays(lambda a: a.astype(float) if a.dtype == np.float32 else a)
            cause = "dtype-demoted", "something is computed in half the digits"
            yield Variant("the parameters are float32", plain, *cause)

    def source(self) -> str:
        keywords = [f"{k}={literal(v)}" for k, v in self.kwargs.items()] + ["input_grad=True"] * self.input_grad
        call = ", ".join(["params", "X", "y", f"reg={self.reg!r}", *keywords])
        frozen = not all(a.flags.writeable for a in self.arguments().values())
        return "\n".join(
            [
                *("import numpy as np", f"from handgrad.networks import {self.name}", "", "params = {"),
                *(f'    "{name}": {literal(child)},' for name, child in self.params.items()),
                *("}", f"X = {literal(self.X)}", f"y = {literal(self.y)}"),
                *(["for a in (*params.values(), X, y):\n    a.flags.writeable = False"] if frozen else []),
                f"loss, grads = {self.name}.loss_and_grad({call})",
            ]
        )

    def reproduction(self, candidate: Any, worst: Any) -> str:
        lines, called = call_source(candidate)
        lines += [f"params = {literal(self.params)}", f"X, y = {literal(self.X)}, {literal(self.y)}"]
        lines.append(f"loss, grads = {called}(params, X, y, {self.reg!r})[:2]")
        shown = f'grads["{worst.name}"]' if worst and worst.name != "loss" else "loss"
        return "\n".join([*lines, shown_source(shown, worst)])


@st.composite
def network_problems(
    draw: st.DrawFn, /, name: str, dtype: Any = None, *, large: bool = False, **keywords: Any
) -> NetworkProblem:
    """Draw a problem for a network, float32 or float64 unless a dtype is given, and at times one that is ``large``.

    ``keywords`` are the network's own, as ``activation``; those that are None or not given are drawn.
    """
    dtype = draw(DTYPES) if dtype is None else dtype
    loss = reference.NETWORKS[name].loss
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in keywords.items() if v is not None}
    kwargs = {k: given[k] if k in given else draw(_choices(loss, k)) for k in keyword_specs(loss)}
    params, data = param_specs(loss, **kwargs), data_specs(loss)
    specs, X_spec, y_spec = tree_leaves(params), data["X"], data["y"]
    assert isinstance(X_spec, ArraySpec)
    assert isinstance(y_spec, ArraySpec)
    sizes = draw_sizes(draw, _dims((X_spec, *specs.values(), y_spec)), large=large)
    scale = draw(_SCALES)
    reg = float(dtype(draw(_choices(loss, "reg"))))
    features = frozenset((scale, *map(draw, _EACH_FEATURE))) - {"none"}
    rng = np.random.default_rng(draw(SEEDS))

    arrays = _parameters(rng, specs, sizes, scale, features, y_spec.bound)
    X, y = _data(rng, X_spec, sizes, scale, features), _labels(rng, y_spec, sizes, features)
    layout = "mixed" if "layouts" in features else "C"
    read_only = "read-only" in features
    X_dtype = np.int64 if "integer X" in features else dtype
    found = iter(
        [laid_out(DOMAINS[s.domain](a), dtype, rng, layout, read_only) for s, a in zip(specs.values(), arrays)]
    )
    return NetworkProblem(
        name,
        tree_map(lambda _: next(found), params),
        laid_out(X, X_dtype, rng, layout, read_only),
        laid_out(y, y.dtype, rng, layout, read_only),
        reg,
        kwargs,
        features,
        input_grad=X_dtype is dtype,
    )


@functools.cache
def _choices(loss: Callable[..., Any], name: str) -> st.SearchStrategy[Any]:
    takes = {**data_specs(loss), **keyword_specs(loss)}[name]
    assert isinstance(takes, Choices)
    return st.sampled_from(takes.values)


def _dims(specs: Sequence[ArraySpec]) -> list[str]:
    """Return the dimensions in their order: N, D, then as the parameters name them."""
    return list(dict.fromkeys(d for spec in specs for dims in spec.shapes for d in dims if not d.isdigit()))


def _parameters(
    rng: np.random.Generator,
    specs: Mapping[str, ArraySpec],
    sizes: Mapping[str, int],
    scale: str,
    features: frozenset[str],
    classes: str,
) -> list[NDArray[Any]]:
    """Return the parameters: those of two or more dimensions are weights, the others biases or gains."""
    found = []
    unit = next((spec.shapes[0][-1] for spec in specs.values() if len(spec.shapes[0]) > 1), "")
    for spec in specs.values():
        dims = spec.shapes[0]
        weights = len(dims) > 1
        a = entries(rng, spec.shape(sizes), scale if weights or scale == "integers" else "ordinary")
        if not weights and ("zero biases" in features or scale == "small"):
            a *= 0
        if "dead unit" in features and dims[-1:] == (unit,):
            a[..., 0] = 0
        if dims == (classes,):
            if "biases shifted by 1000" in features:
                a += 1000 * rng.choice((-1, 1))
            if "scores to 1e4" in features:
                a += 1e4 * rng.integers(-1, 2, a.shape)
        if "tied scores" in features and dims[-1:] == (classes,) and sizes[classes] > 1:
            a[..., :2] = a[..., :1] if weights else np.max(a)
        found.append(a)
    return found


def _integers(y: NDArray[Any]) -> NDArray[Any]:
    """Return labels as 64-bit integers, and targets as they are."""
    return y.astype(int) if y.dtype.kind in "iu" else y


def _data(
    rng: np.random.Generator, spec: ArraySpec, sizes: Mapping[str, int], scale: str, features: frozenset[str]
) -> NDArray[Any]:
    X = entries(rng, spec.shape(sizes), "integers" if scale == "integers" or "integer X" in features else "ordinary")
    if "one row times 1e5" in features:
        X[rng.integers(len(X))] *= 1e5
    return X


def _labels(
    rng: np.random.Generator, spec: ArraySpec, sizes: Mapping[str, int], features: frozenset[str]
) -> NDArray[Any]:
    if not spec.bound:  # targets
        return entries(rng, spec.shape(sizes), "ordinary")
    y = rng.integers(0, sizes[spec.bound], spec.shape(sizes))
    if "an absent class" in features:
        y[y == sizes[spec.bound] - 1] = 0
    if "one class only" in features:
        y[:] = y[0]
    return y.astype(rng.choice(_LABEL_DTYPES)) if "label dtypes" in features else y
