"""Campaigns: the same table in any order of shards, after any interruption; past failures are checked first."""

import pytest

import handgrad
from oracle.__main__ import main
from oracle.campaigns import campaign as campaigns
from oracle.campaigns.campaign import Campaign, Plan, check
from oracle.campaigns.database import FailureDatabase
from oracle.campaigns.table import Result
from oracle.checks.search import key_of
from tests.tools.campaigns import run, without_seconds, wrong_relu


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


def test_shards_have_seeds_of_their_own_and_make_up_the_whole():
    plan = Plan(("relu", "tanh"), 250, seed=0)

    shards = [plan.shard(name, i, Result(name)) for name in plan.names for i in range(plan.num_shards(name))]

    assert [shard.problems for shard in shards] == [100, 100, 50] * 2
    assert len({shard.seed for shard in shards}) == 6
    assert plan.shard("relu", 1, Result("relu")) == shards[1]


def test_shards_that_finish_in_any_order_make_the_same_table(tmp_path, monkeypatch):
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


def test_a_failure_is_found_again_in_a_shard_that_was_interrupted_after_it(tmp_path, monkeypatch):
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
