"""A cluster checks a campaign to the same table, also when a worker is killed."""

import os
import signal

import pytest

from oracle.__main__ import main
from oracle.campaigns.campaign import Campaign, Plan
from oracle.campaigns.database import FailureDatabase
from tests.tools.campaigns import run, without_seconds


def test_a_cluster_makes_the_same_table_though_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    plan = Plan(("expressions",), 100, seed=3)
    expected = run(plan, tmp_path)
    from oracle.campaigns import dask

    campaign = Campaign(plan, FailureDatabase(str(tmp_path)))
    killed_after = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as local:

        def kill_once():
            if campaign.rows[0].problems and not killed_after:
                killed_after.append(campaign.rows[0].problems)
                os.kill(local.workers[0].pid, signal.SIGKILL)

        dask.run(campaign, local.scheduler_address, show=kill_once)

    assert killed_after
    assert killed_after[0] < 100
    assert without_seconds(campaign) == without_seconds(expected)


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, capfd, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("oracle.campaigns.dask._TIMEOUT", 1)

    status = main(["verify", "--only", "relu", "--scheduler", "tcp://127.0.0.1:1"])

    assert status == 2
    assert "error: " in capfd.readouterr().err
