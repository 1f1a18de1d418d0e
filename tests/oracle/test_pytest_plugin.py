"""The plugin in a test session of its own: problems are drawn, and a wrong gradient fails with a line to act on."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

GRADIENT = """
    import pytest
    from handgrad import two_layer

    def answer(p):
        return two_layer.loss_and_grad(p.params, p.X, p.y, p.reg)

    @pytest.mark.gradient_problem("two_layer", examples=7)
    def test_right(gradient_problem):
        gradient_problem.check(*answer(gradient_problem))
"""


@pytest.fixture
def run(pytester):
    def of(more=""):
        pytester.makepyfile(GRADIENT + more)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-o", "addopts=", "--strict-markers")

    return of


def test_a_right_gradient_passes_on_every_problem(run):
    run().assert_outcomes(passed=7)


def test_a_wrong_gradient_fails_with_the_entry_and_the_problem(run):
    result = run("""
    @pytest.mark.gradient_problem("two_layer", examples=3, seed=1)
    def test_wrong(gradient_problem):
        loss, grads = answer(gradient_problem)
        gradient_problem.check(loss, {**grads, "b2": grads["b2"] + 1})
""")

    result.assert_outcomes(passed=7, failed=3)
    result.stdout.fnmatch_lines(["*the gradient is wrong:", "*b2[[]*expected*exceeds the bound*", "*params = {*"])
    result.stdout.no_fnmatch_line("*pytest_plugin.py:*")


def test_shape_and_missing_gradients_are_named(run):
    result = run("""
    @pytest.mark.gradient_problem(examples=1)
    def test_shape(gradient_problem):
        loss, grads = answer(gradient_problem)
        gradient_problem.check(loss, {"W1": grads["W1"][None], "b1": grads["b1"], "W2": grads["W2"]})
""")

    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines(["*W1 has shape (1, *), expected (*", "*b2 is missing"])


def test_an_unknown_network_is_said_to_be_so(run):
    result = run("""
    @pytest.mark.gradient_problem("two_layers")
    def test_unknown(gradient_problem):
        pass
""")

    result.stdout.fnmatch_lines(["*network expected one of softmax_classifier, two_layer, *given 'two_layers'*"])


def test_a_session_that_asks_for_nothing_imports_nothing(pytester):
    pytester.makepyfile("""
        import sys

        def test_no_jax():
            assert "oracle.pytest_plugin" in sys.modules
            assert not {"jax", "numpy", "hypothesis.strategies"} & sys.modules.keys()
    """)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "-o", "addopts="]
    result = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True)

    assert "1 passed" in result.stdout, result.stdout
