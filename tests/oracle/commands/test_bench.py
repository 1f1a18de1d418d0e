"""``python -m oracle bench``: its tables, its file, and what it says to a wrong call."""

import json
import re

import pytest

from oracle.__main__ import main
from oracle.benchmarks import metrics

QUICK = ["bench", "--quick", "--only", "textbook", "--dtype", "float32", "--rounds", "2"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    file = tmp_path_factory.mktemp("bench") / "speed.json"
    assert main([*QUICK, "--json", str(file)]) == 0
    return file


def test_ratios_are_printed_and_every_round_is_written(measured, capsys):
    assert main(["bench", "--show", str(measured)]) == 0  # as it was printed when it was measured

    out = capsys.readouterr().out
    assert re.search(r"^128, 784, 256, 10 +[\d.]+ [mµ]s +\d+\.\d\d$", out, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d\d–\d+\.\d\d$", out, re.MULTILINE)
    steps = json.loads(measured.read_text())["steps"]["float32"]
    assert [*steps] == ["5, 4, 10, 3", "128, 784, 256, 10"]
    assert all({name: len(s) for name, s in row.items()} == {"handgrad": 2, "textbook": 2} for row in steps.values())


def test_every_measure_has_its_rows(monkeypatch, tmp_path, capsys):
    def row(dtype, names, count):
        for n in range(1, count + 1):
            yield {name: [2.0 + i] * n for i, name in enumerate(names)}

    for name, measure in metrics.MEASURES.items():
        instead = measure._replace(rows=dict.fromkeys(measure.rows, row))
        monkeypatch.setitem(metrics.MEASURES, name, instead)

    assert main(["bench", "--rounds", "2", "--json", str(tmp_path / "speed.json")]) == 0

    found = json.loads((tmp_path / "speed.json").read_text())
    for name, measure in metrics.MEASURES.items():
        assert [*found[name]] == [*measure.dtypes]
        assert all([*rows] == [*measure.rows] for rows in found[name].values())
    assert "2 s" in (out := capsys.readouterr().out)
    assert "2 B" in out


def test_interrupted_bench_prints_the_table_so_far_and_writes_it(monkeypatch, tmp_path, capsys):
    def interrupted(dtype, names, count):
        yield {name: [1.0] for name in names}
        raise KeyboardInterrupt

    steps = metrics.MEASURES["steps"]
    monkeypatch.setitem(metrics.MEASURES, "steps", steps._replace(rows={"first": interrupted, "second": interrupted}))
    file = tmp_path / "speed.json"

    assert main(["bench", "--json", str(file)]) == 130

    out = capsys.readouterr().out
    assert re.search(r"^first +1 s +1\.00", out, re.MULTILINE)
    assert "second" not in out
    assert "interrupted" in out
    assert [*json.loads(file.read_text())["steps"]["float64"]] == ["first"]


@pytest.mark.parametrize(
    "wrong",
    [["--json", "nowhere/speed.json"], ["--only", "rust"], ["--rounds", "0"], ["strides"], ["--show", "README.md"]],
)
def test_wrong_call_is_one_line_before_anything_is_timed(wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *wrong])

    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err.splitlines()[-1]
