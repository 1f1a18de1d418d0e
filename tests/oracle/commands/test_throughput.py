"""``python -m oracle throughput``: both rates are measured and set side by side."""

import re

import pytest

from oracle.__main__ import main
from oracle.commands import throughput


def test_throughput_is_measured_beside_jax_jit(monkeypatch, capsys):
    measure = throughput.measure
    monkeypatch.setattr(throughput, "measure", lambda problems, _, **options: measure(problems, 2, **options))

    status = main(["throughput", "--problems", "30", "--workers", "1"])

    out = capsys.readouterr().out
    assert status == 0
    checked, compiled, ratio = (float(x.replace(",", "")) for x in re.findall(r": +([\d,.]+)", out))
    assert "in 1 processes" in out
    assert checked / compiled == pytest.approx(ratio, abs=1, rel=0.2)
