"""``python -m oracle sensitivity``: the share of the errors caught, by their size."""

import re

import numpy as np

from oracle.__main__ import main
from oracle.commands import sensitivity


def test_every_group_of_problems_has_a_row_with_the_share_caught_at_each_size(monkeypatch, capsys):
    monkeypatch.setattr(sensitivity, "SIZES", sensitivity.SIZES[:1])

    status = main(["sensitivity", "--problems", "40", "--seed", "1"])

    found = re.findall(r"^(float\d\d), (.*?)  +([\d,]+)((?: +[\d.]+)+) *$", capsys.readouterr().out, re.MULTILINE)
    assert status == 0
    drawn = ["drawn, integers", "drawn, ordinary", "drawn, small", "drawn, tens", "drawn, thousands"]
    assert [row[:2] for row in found] == [(d, g) for d in ("float64", "float32") for g in (*drawn, "(5, 4, 10, 3)")]
    tried = [int(row[2]) for row in found]
    shares = np.array([row[3].split() for row in found], float)
    assert tried[5] == tried[11] == 4 * 2  # an entry of each gradient of the two problems
    assert shares.shape == (12, len(sensitivity.ERRORS))
    assert np.all((shares >= 0) & (shares <= 100))
    assert np.all(shares[:, -1] > shares[:, 0] - 1)
    assert np.all(shares[:6, 3] > shares[6:, 3])  # 1e-10 is far above rounding in float64 alone
