"""The plugin in a test session of its own: problems are drawn, and a wrong gradient fails with a line to act on."""

import re
import subprocess
import sys
import textwrap

import pytest

SESSION = """
    import pytest
    from handgrad import two_layer

    def answer(p):
        return two_layer.loss_and_grad(p.params, p.X, p.y, p.reg)

    @pytest.mark.gradient_problem("two_layer", examples=7)
    def test_right(gradient_problem):
        gradient_problem.check(*answer(gradient_problem))

    @pytest.mark.gradient_problem("two_layer", examples=3, seed=1)
    def test_wrong(gradient_problem):
        loss, grads = answer(gradient_problem)
        gradient_problem.check(loss, {**grads, "b2": grads["b2"] + 1})

    @pytest.mark.gradient_problem(examples=1)
    def test_shape(gradient_problem):
        loss, grads = answer(gradient_problem)
        gradient_problem.check(loss, {"W1": grads["W1"][None], "b1": grads["b1"], "W2": grads["W2"]})
"""
UNKNOWN = """
    import pytest

    @pytest.mark.gradient_problem("two_layers")
    def test_unknown(gradient_problem):
        pass
"""
NO_PROBLEMS = """
    import sys

    def test_no_jax():
        assert "oracle.pytest_plugin" in sys.modules
        assert not {"jax", "numpy", "hypothesis.strategies"} & sys.modules.keys()
"""


def run(folder, session, *options):
    (folder / "test_session.py").write_text(textwrap.dedent(session))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "--strict-markers", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("session"), SESSION)


def printed_by(printed, test):
    """Return the lines that a failing test printed, for all its problems."""
    parts = re.split(r"^_+ (\w+)\[?.*\]? _+$", printed, flags=re.MULTILINE)
    return pytest.LineMatcher("".join(b for name, b in zip(parts[1::2], parts[2::2]) if name == test).splitlines())


def test_a_right_gradient_passes_on_every_problem_and_a_wrong_one_on_none(printed):
    assert "4 failed, 7 passed" in printed
    failed = re.findall(r"^FAILED test_session.py::(\w+)", printed, flags=re.MULTILINE)
    assert failed == ["test_wrong"] * 3 + ["test_shape"]


def test_a_wrong_gradient_fails_with_the_entry_and_the_problem(printed):
    lines = printed_by(printed, "test_wrong")

    lines.fnmatch_lines(["*the gradient is wrong:", "*b2[[]*expected*exceeds the bound*", "*params = {*"])
    lines.no_fnmatch_line("*pytest_plugin.py:*")


def test_shape_and_missing_gradients_are_named(printed):
    printed_by(printed, "test_shape").fnmatch_lines(["*W1 has shape (1, *), expected (*", "*b2 is missing"])


def test_an_unknown_network_is_an_error_by_name(tmp_path):
    lines = pytest.LineMatcher(run(tmp_path, UNKNOWN).splitlines())

    lines.fnmatch_lines(["*network must be one of *two_layer*, got 'two_layers'*"])


def test_a_session_without_problems_imports_nothing(tmp_path):
    printed = run(tmp_path, NO_PROBLEMS, "-q", "-p", "no:hypothesispytest")

    assert "1 passed" in printed, printed
