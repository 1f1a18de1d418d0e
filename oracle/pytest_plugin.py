"""The pytest plugin: ``gradient_problem`` draws problems for a test, which fails with a line it can act on.

.. code-block:: python

    @pytest.mark.gradient_problem("two_layer", examples=20)
    def test_my_gradient(gradient_problem):
        p = gradient_problem
        loss, grads = my_loss_and_grad(p.params, p.X, p.y, p.reg)
        p.check(loss, grads)

It is loaded with every pytest run where handgrad is installed, so it imports nothing before a test asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

__all__ = ["GradientProblem"]


@dataclass(frozen=True)
class GradientProblem:
    """A problem, and the check of an answer to it."""

    problem: Any

    @property
    def params(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(self.problem.params)

    @property
    def X(self) -> Any:
        """The data (N, D)."""
        return self.problem.X

    @property
    def y(self) -> Any:
        """The labels (N,)."""
        return self.problem.y

    @property
    def reg(self) -> float:
        """The regularisation strength."""
        return float(self.problem.reg)

    def check(self, loss: Any, grads: Mapping[str, Any]) -> None:
        """Raise ``AssertionError``, naming the worst entries, unless loss and gradients are right."""
        __tracebackhide__ = True
        from oracle.checks.evaluation import Evaluator

        found = Evaluator(print).returned(self.problem, (loss, grads))
        if found.failed:
            code = self.problem.reproduction(None, None).rsplit("\n", 2)[0]
            raise AssertionError("\n".join(["the gradient is wrong:", *(f"  {f}" for f in found.failures), "", code]))


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        "gradient_problem(network='two_layer', examples=20, seed=0, dtype=None, activation=None): "
        "run the test on problems drawn for a network, given by the fixture of the same name",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``gradient_problem`` once for each problem drawn."""
    if "gradient_problem" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("gradient_problem")
        drawn = _drawn(*(marker.args if marker else ()), **(marker.kwargs if marker else {}))
        metafunc.parametrize("gradient_problem", drawn, ids=[f"problem{i}" for i in range(len(drawn))])


def _drawn(network: str = "two_layer", *, examples: int = 20, seed: int = 0, **options: Any) -> list[GradientProblem]:
    from dataclasses import replace

    from oracle.checks.check import problems
    from oracle.strategies.runner import collect

    drawn = collect(problems(network, **options), examples=examples, seed=seed)
    return [GradientProblem(replace(problem, input_grad=False)) for problem in drawn]
