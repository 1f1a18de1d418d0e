"""The interface of problems: what a candidate is given, and what it must answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from oracle.reference.recording import Recording
from oracle.strategies.arrays import copied

__all__ = ["Keyed", "Problem", "Program", "Variant", "call_source"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Keyed:
    """An object that equals another of the same key: what a cache is asked by, where the object cannot be compared."""

    key: Hashable
    value: Any = field(compare=False)


class Program(NamedTuple):
    """A function of arrays in JAX that returns the answers by name, and its arguments."""

    f: Callable[..., dict[str, Any]]
    args: tuple[Any, ...]
    #: Equal keys, shapes and dtypes mean the same program; None if it will not be run again.
    key: Hashable = None
    #: True if many problems have the same shapes, being padded: it may pay off to compile the program.
    compilable: bool = False


class Variant(NamedTuple):
    """A problem without something that is special about its arrays."""

    #: The special thing, as "an array is read-only".
    when: str
    problem: Any
    #: The cause and algebra of mistakes that show only then; "" for none in particular.
    cause: str = ""
    algebra: str = ""


class Problem(ABC):
    """Arguments for a candidate."""

    name: str

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The dtype that everything is computed in."""

    @abstractmethod
    def arguments(self) -> dict[str, Array]:
        """Return the arrays that the candidate is given, by name."""

    @abstractmethod
    def like(self) -> dict[str, Array]:
        """Return an array of the right shape and dtype for each answer, the value first."""

    @abstractmethod
    def map_arrays(self, f: Callable[[Array], Array]) -> Self:
        """Return the problem with f of each array that the candidate is given."""

    @abstractmethod
    def answers(self) -> Mapping[str, Any]:
        """Return handgrad's answers."""

    @abstractmethod
    def program(self) -> Program:
        """Return the program that gives the answers in JAX."""

    @abstractmethod
    def recording(self) -> Recording | None:
        """Return the program as steps of rules, or None where it is only known as a function in JAX."""

    @abstractmethod
    def source(self) -> str:
        """Return code that gives the problem to handgrad and leaves the answers in variables."""

    def copy(self) -> Self:
        """Return the problem with copies of its arrays, in the same memory layout."""
        return self.map_arrays(copied)

    def variants(self) -> Iterator[Variant]:
        """Yield the problem without each thing that is special about its arrays."""
        arrays = self.arguments().values()
        if not all(a.flags.c_contiguous for a in arrays):
            cause = "memory-layout", "memory is read in the order of C"
            plain = self.map_arrays(lambda a: a.copy(order="C"))
            yield Variant("an array is not C-contiguous", plain, *cause)
        if not all(a.flags.writeable for a in arrays):
            yield Variant("an array is read-only", self.map_arrays(lambda a: a.copy(order="K")))


class CheckedProblem(Problem):
    """A problem for the rule or network of a user."""

    #: A function in JAX to check against, instead of the reference of a rule or network.
    truth: Callable[..., Any] | None

    @abstractmethod
    def call(self, candidate: Callable[..., Any]) -> Any:
        """Return what the candidate returns: the value and its gradients or cotangents."""

    @abstractmethod
    def rescaled(self) -> Self:
        """Return a problem of the same shapes with other entries."""

    @abstractmethod
    def nudged(self, rng: np.random.Generator) -> Self:
        """Return the problem with all that is differentiated a little off."""

    def examples(self) -> list[Self]:
        """Return a problem for each example of a batch alone, without a penalty; none where there is no batch."""
        return []

    @abstractmethod
    def reproduction(self, candidate: Any, worst: Any) -> str:
        """Return code for NumPy alone that gives the problem to the candidate and shows the worst entry."""

    @property
    def promoted_dtype(self) -> np.dtype[Any]:
        """The dtype that NumPy promotes the arguments to, which gradients may have as well."""
        return self.dtype

    @property
    @abstractmethod
    def can_be_written(self) -> bool:
        """True if a candidate could write floats to every array that is differentiated, and to the data."""

    @property
    def has_exact_answers(self) -> bool:
        """True for the rules and networks of handgrad."""
        return self.truth is None


def nudge(a: Array, rng: np.random.Generator) -> Array:
    """Return an array with each entry a hundredth or so off."""
    return np.asarray(a + 1e-2 * rng.standard_normal(a.shape), a.dtype)


def call_source(candidate: Any) -> tuple[list[str], str]:
    """Return the import lines of NumPy and of a candidate, and the name to call it by."""
    module, name = getattr(candidate, "__module__", None), getattr(candidate, "__name__", "")
    lines = ["import numpy as np"]
    importable = module not in (None, "__main__", "builtins") and getattr(candidate, "__qualname__", "") == name
    if name.isidentifier() and importable:
        lines.append(f"from {module} import {name}")
    return lines, name if name.isidentifier() else "candidate"


def shown_source(entry: str, worst: Any) -> str:
    """Return the line that prints an entry, with the correct value as a comment."""
    at = f"[{', '.join(map(str, worst.index))}]" if worst and worst.index else ""
    said = f"  # {worst.given!r}, and right is {worst.expected!r}" if worst else ""
    return f"print({entry}{at}){said}"
