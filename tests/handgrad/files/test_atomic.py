"""Files are written completely or not at all."""

import os

import pytest

from handgrad.files.atomic import atomic_write


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    return tmp_path / "file"


def test_the_old_file_stays_until_the_new_one_is_complete(path):
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]


def test_the_new_file_is_on_disk_before_it_replaces_the_old_one(path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *args: (calls.append("replace"), replace(*args)))

    with atomic_write(path) as file:
        file.write(b"new")

    assert calls == ["fsync", "replace"]


@pytest.mark.parametrize("crash", [OSError, KeyboardInterrupt])
def test_a_crash_leaves_the_old_file_and_no_other(path, crash):
    def write_half():
        with atomic_write(path) as file:
            file.write(b"half")
            raise crash

    with pytest.raises(crash):
        write_half()

    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["file"]


def test_a_link_stays_a_link(path):
    link = path.with_name("link")
    link.symlink_to(path)

    with atomic_write(link) as file:
        file.write(b"new")

    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_only_a_file_is_replaced(tmp_path):
    with pytest.raises(ValueError, match="must be a file or not exist"), atomic_write(tmp_path):
        pass
    assert os.listdir(tmp_path) == []
