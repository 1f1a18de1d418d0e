"""Failing problems are saved, never deleted, and pushed to Redis once it answers."""

import shutil

import pytest

import handgrad
from oracle.__main__ import main
from oracle.campaigns.campaign import Campaign, Plan
from oracle.campaigns.database import FailureDatabase
from oracle.checks.search import key_of
from tests.tools.campaigns import run, wrong_relu
from tests.tools.chaos import Server

needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed")


def test_what_passes_here_stays_in_the_database(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(handgrad.RULES, "relu", wrong_relu)
        run(Plan(("relu",), 100, seed=1), tmp_path)
    before = set(FailureDatabase(str(tmp_path)).fetch(key_of("relu")))

    mended = run(Plan(("relu",), 20, seed=2), tmp_path)

    assert mended.rows[0].failure is None
    assert mended.rows[0].problems == 20  # what is replayed is not counted
    assert set(FailureDatabase(str(tmp_path)).fetch(key_of("relu"))) == before != set()


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
