"""``python -m oracle verify``: one table, the smallest failing problem, and the exit status."""

import re
import subprocess
import sys

import pytest

import handgrad
from oracle.__main__ import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Run where nothing has failed before: failures are saved in a folder below, and checked first the next time."""
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "oracle", *arguments], capture_output=True, text=True, timeout=120)


def test_verify_prints_one_table_and_exits_with_0():
    result = run("verify", "--problems", "20", "--only", "relu", "softmax_classifier", "--seed", "7")

    assert result.returncode == 0, result.stderr
    assert "seed 7" in result.stdout
    assert "every gradient agrees" in result.stdout
    for name in ("relu", "softmax_classifier"):
        assert f"{name} " in result.stdout


def test_verify_with_a_wrong_rule_prints_the_smallest_problem_and_exits_with_1(monkeypatch, capsys):
    right = handgrad.RULES["relu"]
    monkeypatch.setitem(handgrad.RULES, "relu", lambda z: (right(z)[0], lambda dh: (+dh,)))

    status = main(["verify", "--problems", "100", "--only", "relu", "--workers", "1"])

    out = capsys.readouterr().out
    assert status == 1
    assert "DISAGREES" in out
    assert re.search(r"dz\[\d, \d\] is .* expected .* exceeds the bound", out)
    assert "from handgrad.rules import relu" in out
    assert "wrong: relu" in out


def test_verify_checks_the_dtype_that_is_asked_for(monkeypatch):
    seen = set()
    right = handgrad.RULES["tanh"]
    monkeypatch.setitem(handgrad.RULES, "tanh", lambda z: seen.add(str(z.dtype)) or right(z))

    main(["verify", "--problems", "10", "--only", "tanh", "--dtype", "float32", "--workers", "1"])

    assert seen == {"float32"}


def test_interrupted_verify_prints_the_table_so_far(monkeypatch, capsys):
    calls = []
    right = handgrad.RULES["tanh"]

    def interrupted(z):
        calls.append(z)
        if len(calls) > 50:
            raise KeyboardInterrupt
        return right(z)

    monkeypatch.setitem(handgrad.RULES, "tanh", interrupted)

    status = main(["verify", "--problems", "100", "--only", "tanh", "relu", "--workers", "1"])

    out = capsys.readouterr().out
    assert status == 130
    assert "interrupted" in out
    assert "not run" in out


INTERRUPTED = """
import os, signal, sys, threading
from oracle.__main__ import main
from oracle.campaigns.campaign import Campaign

record, timers = Campaign.record, []

def interrupted(campaign, shard, row, *, finished=False):
    record(campaign, shard, row, finished=finished)
    if row.problems and not timers:  # as soon as there is something to show, and at any time after
        timers.append(threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)))
        timers[0].start()

Campaign.record = interrupted
sys.exit(main(["verify", "--only", "relu", "--problems", "1000000", "--workers", "2"]))
"""


def test_interrupted_workers_stop_and_the_table_so_far_is_printed():
    result = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=300)

    assert result.returncode == 130, result.stderr
    assert "interrupted" in result.stdout
    assert int(re.search(r"relu +([\d,]+)", result.stdout)[1].replace(",", "")) > 0
    assert "Traceback" not in result.stderr


def test_one_name_is_split_among_the_workers():
    result = run("verify", "--problems", "40", "--only", "identity", "--workers", "2")

    assert result.returncode == 0, result.stderr
    assert re.search(r"identity +40 ", result.stdout)


@pytest.mark.parametrize("wrong", [["--only", "rely"], ["--problems", "0"], ["--problems", "x"], ["--dtype", "int8"]])
def test_wrong_call_is_one_line_and_status_2(wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["verify", *wrong])

    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err.splitlines()[-1]
