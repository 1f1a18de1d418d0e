import re
import sys

import numpy as np
import pytest

from handgrad import __main__ as command
from handgrad import init_params, two_layer


@pytest.mark.parametrize("network", ["softmax_classifier", "two_layer", "three_layer", "mlp"])
def test_each_network_is_drawn_in_mermaid_by_default(network, capsys):
    assert command.main(["draw", network]) == 0

    output = capsys.readouterr()
    layers = {"softmax_classifier": 1, "two_layer": 2, "three_layer": 3, "mlp": 4}[network]
    assert "flowchart LR" in output.out
    assert len(re.findall(r'\["[Wb]\d<br/>', output.out)) == 2 * layers
    assert output.err == ""


def test_a_drawing_takes_its_settings(capsys):
    outputs = set()
    for change in [
        *(
            ["--sizes", "3", "2", "2", "2"],
            ["--activation", "tanh"],
            ["--batch", "2"],
            ["--reg", "0.5"],
            ["--seed", "1"],
        ),
        *(["--no-values"], ["--no-gradients"], ["--no-values", "--no-gradients"], ["--fold"], ["--format", "dot"], []),
    ]:
        assert command.main(["draw", "mlp", *change]) == 0
        outputs.add(capsys.readouterr().out)

    assert len(outputs) == 11


def test_a_drawing_is_that_of_the_network_and_its_loss(capsys):
    assert command.main(["draw", "two_layer", "--sizes", "4", "10", "3", "--batch", "6", "--seed", "3"]) == 0
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)

    J = two_layer.loss(init_params([4, 10, 3], rng=rng), X, y, 0.1)
    assert f'"+<br/>J<br/>{J:.3g}<br/>1"' in capsys.readouterr().out


def test_a_drawing_is_saved_to_the_given_file(tmp_path, capsys):
    path = tmp_path / "net.mmd"
    assert command.main(["draw", "two_layer"]) == 0
    printed = capsys.readouterr().out

    assert command.main(["draw", "two_layer", "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"drawing saved to {path}\n"
    assert path.read_text(encoding="utf-8") == printed


def test_a_drawing_without_the_package_graphviz_is_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    assert command.main(["draw", "two_layer", "-o", str(tmp_path / "net.svg")]) == 2
    assert re.fullmatch(r"handgrad: error: .*pip install 'handgrad\[draw\]'.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw"], "the following arguments are required: NETWORK"),
        (["draw", "four_layer"], "invalid choice: 'four_layer'"),
        (["draw", "two_layer", "--sizes", "4", "3"], "--sizes of two_layer must be 3 positive integers, got [4, 3]"),
        (["draw", "mlp", "--sizes", "4"], "--sizes of mlp must be at least two positive integers, got [4]"),
        (["draw", "two_layer", "--sizes", "4", "0", "3"], "must be 3 positive integers, got [4, 0, 3]"),
        (["draw", "two_layer", "--sizes", "four"], "invalid int value: 'four'"),
        (["draw", "two_layer", "--batch", "0"], "--batch must be at least 1, got 0"),
        (["draw", "two_layer", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["draw", "two_layer", "--reg", "-1"], "reg must be finite and at least 0, got -1.0"),
        (["draw", "two_layer", "--activation", "tanh"], "--activation requires mlp, got two_layer"),
        (["draw", "mlp", "--activation", "step"], "invalid choice: 'step'"),
        (["draw", "two_layer", "-o", "net.gif"], "path must end in .svg, .png, .pdf, .dot"),
        (["draw", "two_layer", "-o", "/none/net.mmd"], "there is no directory /none to save net.mmd in"),
        (["draw", "two_layer", "--format", "svg"], "invalid choice: 'svg'"),
        (["draw", "two_layer", "--format", "dot", "-o", "net.dot"], "--format cannot be combined with --output"),
    ],
)
def test_bad_usage_is_one_clear_line_and_status_2(arguments, message, capsys):
    try:
        status = command.main(arguments)
    except SystemExit as stop:  # how argparse ends
        status = stop.code

    output = capsys.readouterr()
    assert status == 2
    assert output.err.startswith("handgrad: error: ")
    assert output.err.count("\n") == 1
    assert message in output.err
