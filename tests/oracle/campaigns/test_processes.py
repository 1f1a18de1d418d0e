"""Worker processes check a campaign to the same table, whatever is killed."""

import json
import multiprocessing
import os
import signal
import time

import pytest

import handgrad
from oracle.__main__ import main
from oracle.campaigns import processes
from oracle.campaigns.campaign import Campaign, Plan
from oracle.campaigns.database import FOLDER, FailureDatabase
from oracle.campaigns.table import Result
from oracle.checks.search import key_of
from tests.tools.campaigns import wrong_relu
from tests.tools.chaos import begin, ended, planted, table, workers_of


def test_two_workers_one_of_them_killed_make_the_table_of_one(tmp_path, monkeypatch, capsys):
    plan = ["--only", "relu", "--problems", "150", "--seed", "1"]
    process = begin(tmp_path, *plan, "--workers", "2", env=planted(tmp_path / "planted"))
    while not set(
        FailureDatabase(str(tmp_path / FOLDER)).fetch(key_of("relu"))
    ):  # one of them is looking for a smaller one
        assert process.poll() is None
        time.sleep(0.01)

    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    monkeypatch.setitem(handgrad.RULES, "relu", wrong_relu)
    alone = tmp_path / "alone"
    status = main(["verify", *plan, "--workers", "1", "--database", str(alone)])
    expected = capsys.readouterr().out
    found, errors = process.communicate()

    assert "DISAGREES" in expected
    assert table(found) == table(expected), errors
    assert process.returncode == status == 1
    kept, before = (set(FailureDatabase(str(url)).fetch(key_of("relu"))) for url in (tmp_path / FOLDER, alone))
    assert kept >= before != set()


def test_workers_end_when_the_campaign_is_killed_and_it_goes_on_from_its_file(tmp_path):
    command = ["--only", "relu", "--problems", "1000000", "--workers", "2", "--resume", "campaign.json"]
    process = begin(tmp_path, *command)
    file = tmp_path / "campaign.json"
    while not (file.exists() and json.loads(file.read_text())["names"]["relu"]["parts"]):
        assert process.poll() is None
        time.sleep(0.1)
    team = workers_of(process.pid)

    process.kill()
    process.wait()

    assert len(team) == 2
    assert ended(team)
    process.communicate()
    names = json.loads(file.read_text())["names"]
    campaign = Campaign(Campaign.plan_in(file), FailureDatabase(str(tmp_path)), file)
    results = sum(part["problems"] for part in (names["relu"]["row"], *names["relu"]["parts"].values()))
    assert campaign.rows[0].problems == results > 0


def test_a_process_that_has_taken_much_memory_ends_after_its_shard(tmp_path, monkeypatch):
    plan = Plan(("identity",), 102, seed=1)
    taken = iter([0, processes.MAX_BYTES])
    monkeypatch.setattr(processes, "_memory", lambda: next(taken))
    ours, theirs = multiprocessing.Pipe()
    for number in (1, 0):
        ours.send(plan.shard("identity", number, Result("identity")))

    processes._worker_loop(theirs, str(tmp_path))

    results = [ours.recv() for _ in range(3)]
    assert [(row.problems, finished) for row, finished in results] == [(1, False), (2, False), (2, True)]
    assert not ours.poll()
    assert theirs.poll()  # the other shard


def test_a_shard_that_ends_every_worker_ends_the_campaign(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os, handgrad\nhandgrad.RULES['relu'] = lambda z: os._exit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(processes, "MAX_RESTARTS", 2)
    campaign = Campaign(Plan(("relu",), 100, seed=1), FailureDatabase(str(tmp_path)))

    with pytest.raises(ChildProcessError, match="relu: 2 processes died at one problem"):
        processes.run(campaign, workers=2, show=lambda: None)
