"""``python -m oracle accuracy``: a table for each dtype, and an exit status of 1 where digits are lost."""

import handgrad
from oracle.__main__ import main


def test_accuracy_prints_a_table_for_each_dtype_and_exits_with_0(capsys):
    status = main(["accuracy", "--only", "tanh", "l2"])

    out = capsys.readouterr().out
    assert status == 0
    assert "float64" in out
    assert "float32" in out
    assert "Every gradient is within 8, and none is worse than JAX's." in out


def test_accuracy_with_a_form_that_cancels_names_it_and_exits_with_1(monkeypatch, capsys):
    right = handgrad.RULES["tanh"]

    def textbook(z):
        h, _ = right(z)
        return h, lambda dh: (dh * (1 - h * h),)

    monkeypatch.setitem(handgrad.RULES, "tanh", textbook)

    status = main(["accuracy", "--only", "tanh", "--dtype", "float64"])

    assert status == 1
    assert "missed by: tanh in float64" in capsys.readouterr().out
