"""Campaigns: the same table whoever checks, whatever is killed; what fails once is checked first elsewhere."""

import json
import multiprocessing
import os
import shutil
import signal
import time

import pytest

import handgrad
from oracle.__main__ import main
from oracle.campaigns import campaign as campaigns
from oracle.campaigns import processes
from oracle.campaigns.campaign import Campaign, Plan, check
from oracle.campaigns.database import FOLDER, FailureDatabase
from oracle.campaigns.table import Result
from oracle.checks.search import key_of
from tests.tools.chaos import Server, begin, ended, planted, table, workers_of

needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed")


def wrong_relu(z):
    h, backward = handgrad.rules.relu(z)
    return h, lambda dh: (backward(dh)[0] * (2 if z.shape == (3, 5) else 1),)


def run(plan, folder, *, file=None, until=None):
    """Check a campaign in this process, or until so many problems are recorded, and return it."""
    campaign = Campaign(plan, FailureDatabase(str(folder)), file)
    if until is not None:
        record = campaign.record

        def interrupted(shard, row, **finished):
            record(shard, row, **finished)
            if sum(row.problems for row in campaign.rows) >= until:
                raise KeyboardInterrupt

        campaign.record = interrupted
        with pytest.raises(KeyboardInterrupt):
            processes.run(campaign, workers=1, show=lambda: None)
    else:
        processes.run(campaign, workers=1, show=lambda: None)
    return campaign


def without_seconds(campaign):
    return [(row.problems, row.jax_inaccurate, row.worst, row.failure) for row in campaign.rows]


@pytest.fixture
def counted(monkeypatch):
    """Count the problems that are evaluated."""
    evaluated = []
    evaluate = campaigns.evaluate
    for module in ("oracle.campaigns.campaign", "oracle.checks.search"):
        monkeypatch.setattr(
            f"{module}.evaluate",
            lambda problem, **options: evaluated.append(problem.name) or evaluate(problem, **options),
        )
    return evaluated


def test_shares_have_seeds_of_their_own_and_make_up_the_whole():
    plan = Plan(("relu", "tanh"), 250, seed=0)

    shards = [plan.shard(name, i, Result(name)) for name in plan.names for i in range(plan.num_shards(name))]

    assert [shard.problems for shard in shards] == [100, 100, 50] * 2
    assert len({shard.seed for shard in shards}) == 6
    assert plan.shard("relu", 1, Result("relu")) == shards[1]


def test_shares_that_finish_in_any_order_make_the_same_table(tmp_path, monkeypatch):
    monkeypatch.setitem(handgrad.RULES, "relu", wrong_relu)
    plan, failures = Plan(("relu",), 250, seed=1), FailureDatabase(str(tmp_path))
    found = [check(plan.shard("relu", i, Result("relu")), failures, lambda row: None) for i in range(3)]

    tables = []
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        campaign = Campaign(plan, FailureDatabase(str(tmp_path / "none")))
        shards = [campaign.next() for _ in order]
        for i in order:
            campaign.record(shards[i], found[i], finished=True)
        tables.append(without_seconds(campaign))
        assert campaign.next() is None

    ((problems, _, _, failure),) = tables[0]
    assert problems == sum(row.problems for row in found)
    assert failure
    assert tables[0] == tables[1] == tables[2]


def test_what_is_checked_is_not_checked_again(tmp_path, counted):
    plan, file = Plan(("identity",), 130, seed=2), tmp_path / "campaign.json"
    whole = run(plan, tmp_path)
    assert len(counted) == 130

    run(plan, tmp_path, file=file, until=60)
    assert len(counted) == 130 + 60
    resumed = run(plan, tmp_path, file=file)

    assert len(counted) == 130 + 130
    assert without_seconds(resumed) == without_seconds(whole)
    again = run(plan, tmp_path, file=file)
    assert len(counted) == 130 + 130
    assert without_seconds(again) == without_seconds(whole)


def test_a_failure_is_found_again_in_a_share_that_was_interrupted_after_it(tmp_path, monkeypatch):
    monkeypatch.setitem(handgrad.RULES, "relu", wrong_relu)
    plan, file = Plan(("relu",), 100, seed=1), tmp_path / "campaign.json"
    whole = run(plan, tmp_path / "a")
    failing = whole.rows[0].problems
    campaign = Campaign(plan, FailureDatabase(str(tmp_path / "b")), file)
    shard, results = campaign.next(), []

    def tell(row):
        results.append(row)
        campaign.record(shard, row)
        if row.failure:
            campaign.save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(shard, campaign.failures, tell)
    resumed = run(plan, tmp_path / "b", file=file)

    assert 0 < failing < 100
    assert len(results) == failing + 1
    assert without_seconds(resumed) == without_seconds(whole)


def test_a_file_of_another_campaign_is_refused_with_what_differs(tmp_path, capsys):
    file = tmp_path / "campaign.json"
    Campaign(Plan(("relu",), 250, seed=1), FailureDatabase(str(tmp_path)), file)

    with pytest.raises(SystemExit) as stopped:
        main(["verify", "--resume", str(file), "--problems", "300", "--seed", "1"])

    assert stopped.value.code == 2
    assert "of another campaign: problems must be 250, got 300" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"plan": {"names": 3}, "names": {}}',
        '"relu"',
        "[" * 100_000,
        '{"plan": {"names": ["rely"], "problems": 1, "seed": 0}, "seconds": 0, "names": {}}',
        '{"plan": {"names": ["relu"], "problems": 1, "seed": 0}, "seconds": 0, "names": {}}',
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_campaign_is_refused_and_left_alone(tmp_path, capsys, text):
    file = tmp_path / "other.json"
    file.write_text(text)

    with pytest.raises(SystemExit) as stopped:
        main(["verify", "--resume", str(file)])

    assert stopped.value.code == 2
    assert "is not a campaign file" in capsys.readouterr().err.splitlines()[-1]
    assert file.read_text() == text


def test_what_failed_once_is_checked_before_all_else(tmp_path, monkeypatch):
    monkeypatch.setitem(handgrad.RULES, "relu", wrong_relu)
    run(Plan(("relu",), 100, seed=1), tmp_path)

    results = []
    campaign = Campaign(Plan(("identity", "relu"), 100, seed=2), FailureDatabase(str(tmp_path)))
    shard = campaign.next()
    check(shard, campaign.failures, results.append)

    assert shard.name == "relu"
    assert len(shard.values) >= 2
    assert results[0].failure
    assert "(3, 5)" in str(eval_shape(results[-1].failure[2]))


def eval_shape(code):
    variables = {}
    exec(code, variables)
    return variables["z"].shape


def test_what_passes_here_stays_in_the_database(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(handgrad.RULES, "relu", wrong_relu)
        run(Plan(("relu",), 100, seed=1), tmp_path)
    before = set(FailureDatabase(str(tmp_path)).fetch(key_of("relu")))

    mended = run(Plan(("relu",), 20, seed=2), tmp_path)

    assert mended.rows[0].failure is None
    assert mended.rows[0].problems == 20  # what is replayed is not counted
    assert set(FailureDatabase(str(tmp_path)).fetch(key_of("relu"))) == before != set()


def test_what_another_finds_meanwhile_is_checked_next(tmp_path):
    campaign = Campaign(Plan(("identity", "relu"), 200, seed=2), FailureDatabase(str(tmp_path)))
    assert campaign.next().name == "identity"

    FailureDatabase(str(tmp_path)).save(key_of("relu"), b"found elsewhere")
    campaign.fetch_new_failures(everywhere=False)

    assert campaign.next().values == (b"found elsewhere",)
    assert campaign.next("identity").name == "identity"


def test_every_failing_problem_is_kept_also_those_that_are_not_the_smallest(tmp_path, monkeypatch):
    monkeypatch.setitem(handgrad.RULES, "relu", wrong_relu)
    plan, results = Plan(("relu",), 100, seed=1), []
    check(plan.shard("relu", 0, Result("relu")), FailureDatabase(str(tmp_path)), results.append)

    kept = set(FailureDatabase(str(tmp_path)).fetch(key_of("relu")))

    different = {row.failure[2] for row in results if row.failure}
    assert 1 < len(kept) <= len(different)


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


def test_a_process_that_has_taken_much_memory_ends_after_its_share(tmp_path, monkeypatch):
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


def test_a_share_that_ends_every_worker_ends_the_campaign(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os, handgrad\nhandgrad.RULES['relu'] = lambda z: os._exit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(processes, "MAX_RESTARTS", 2)
    campaign = Campaign(Plan(("relu",), 100, seed=1), FailureDatabase(str(tmp_path)))

    with pytest.raises(ChildProcessError, match="relu: 2 processes died at one problem"):
        processes.run(campaign, workers=2, show=lambda: None)


@needs_redis
def test_what_fails_while_redis_is_away_is_given_to_it_when_it_is_back(tmp_path, monkeypatch):
    redis = pytest.importorskip("redis")
    monkeypatch.chdir(tmp_path)
    with Server() as server:
        client = redis.Redis.from_url(server.url)
        failures = FailureDatabase(server.url)
        failures.connect()
        failures.save(b"relu", b"first")
        assert client.smembers(b"handgrad:relu") == {b"first"}

        server.kill()
        failures.save(b"relu", b"second")
        assert set(failures.fetch(b"relu")) == {b"first", b"second"}
        assert not failures.flush([b"relu"])
        server.start()

        assert failures.flush([b"relu"])
        assert client.smembers(b"handgrad:relu") == {b"first", b"second"}


@needs_redis
def test_what_one_machine_finds_another_checks_first(tmp_path, monkeypatch):
    pytest.importorskip("redis")
    monkeypatch.setitem(handgrad.RULES, "relu", wrong_relu)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with Server() as server:
        monkeypatch.chdir(here)
        plan = ["--only", "relu", "--problems", "100", "--seed", "1"]
        main(["verify", *plan, "--workers", "1", "--database", server.url])
        monkeypatch.chdir(there)
        shard = Campaign(Plan(("identity", "relu"), 100, seed=2), FailureDatabase(server.url)).next()

    assert shard.name == "relu"
    assert shard.values


def test_a_redis_that_is_not_there_is_one_line_before_anything_is_checked(capsys):
    pytest.importorskip("redis")

    with pytest.raises(SystemExit) as stopped:
        main(["verify", "--database", "redis://127.0.0.1:1/0"])

    assert stopped.value.code == 2
    assert "Redis does not answer at redis://127.0.0.1:1/0" in capsys.readouterr().err.splitlines()[-1]


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
