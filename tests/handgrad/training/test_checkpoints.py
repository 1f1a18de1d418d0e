import contextlib
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad.training.checkpoints import load_checkpoint, load_params, save_checkpoint, save_params

TREE = {
    "iteration": 7,
    "params": {"W1": np.arange(6.0).reshape(2, 3), "b1": np.zeros(3, np.float32)},
    "optimizer": {"step": 7, "velocity": {"W1": np.full((2, 3), -0.0)}},
    "history": {"loss": [1.5, np.inf], "val_accuracy": []},
    "rng": '{"state": 1}',
}


def same(a, b):
    """Return True if two trees hold the same bits."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.npz"
    save_checkpoint(path, TREE)
    return path


def test_what_was_saved_is_loaded(saved):
    tree = load_checkpoint(saved)

    assert same(tree, TREE)
    assert isinstance(tree["iteration"], int)
    assert isinstance(tree["rng"], str)


names = st.text("abW12_ .é", min_size=1, max_size=4)
arrays = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3),
)


@given(st.dictionaries(names, arrays | st.dictionaries(names, arrays, min_size=1, max_size=3), max_size=3))
def test_any_tree_of_arrays_comes_back_bit_for_bit(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("any") / "tree.npz"

    save_checkpoint(path, tree)

    assert same(load_checkpoint(path), tree)


def test_parameters_load_from_their_own_file_and_from_a_checkpoint(saved, tmp_path):
    save_params(tmp_path / "params.npz", TREE["params"])

    assert same(load_params(tmp_path / "params.npz"), TREE["params"])
    assert same(load_params(saved), TREE["params"])


def test_a_file_without_parameters_is_refused(tmp_path):
    save_checkpoint(tmp_path / "other.npz", {"iteration": 1})

    with pytest.raises(ValueError, match=r"other\.npz holds no parameters"):
        load_params(tmp_path / "other.npz")


def fail(*args, **kwargs):
    raise OSError("no space left")


def write_half(file, **arrays):
    file.write(b"PK\x03\x04 half")
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("module", "function", "crash"),
    [(np, "savez", write_half), (np, "savez", fail), (os, "fsync", fail), (os, "replace", fail)],
)
def test_a_crash_while_writing_leaves_the_old_file_and_no_other(saved, monkeypatch, module, function, crash):
    monkeypatch.setattr(module, function, crash)

    with pytest.raises((OSError, KeyboardInterrupt)):
        save_checkpoint(saved, {"iteration": 8})

    assert same(load_checkpoint(saved), TREE)
    assert os.listdir(saved.parent) == [saved.name]


def test_the_new_file_is_complete_and_on_disk_before_it_replaces_the_old_one(saved, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def spy_replace(temporary, target):
        assert os.path.dirname(temporary) == os.path.dirname(target)
        calls.append(("replace", load_checkpoint(temporary), load_checkpoint(target)))
        replace(temporary, target)

    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), fsync(file)))
    monkeypatch.setattr(os, "replace", spy_replace)
    save_checkpoint(saved, {"iteration": 8})

    assert calls[0] == "fsync"
    assert calls[1][1] == {"iteration": 8}
    assert same(calls[1][2], TREE)


def test_a_link_stays_a_link(saved):
    link = saved.with_name("link.npz")
    link.symlink_to(saved)

    save_checkpoint(link, {"iteration": 8})

    assert link.is_symlink()
    assert load_checkpoint(saved) == {"iteration": 8}


def test_only_a_file_is_replaced(tmp_path):
    with pytest.raises(ValueError, match="must be a file or not exist"):
        save_checkpoint(tmp_path, {"iteration": 8})


def test_a_missing_directory_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_checkpoint(tmp_path / "none" / "run.npz", {"iteration": 8})
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "tree", [{"a/b": np.ones(1)}, {"": 1}, {3: 1}, {"a": object()}, {"a": np.array([{}])}, {"a": 1j}, {"a": None}]
)
def test_what_a_checkpoint_cannot_hold_is_refused_before_anything_is_written(tmp_path, tree):
    with pytest.raises(ValueError, match="checkpoint"):
        save_checkpoint(tmp_path / "run.npz", tree)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("length", [0, 1, 4, 30, 100, 0.5, 0.9, -30, -1])
def test_a_file_that_was_cut_short_is_refused(saved, length):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(length * len(whole)) if isinstance(length, float) else length])

    with pytest.raises(ValueError, match=re.escape(f"{saved} is not a handgrad checkpoint or is damaged")):
        load_checkpoint(saved)


def test_no_changed_byte_changes_what_is_loaded(saved):
    whole = saved.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        saved.write_bytes(damaged)
        with contextlib.suppress(ValueError):  # or it is a date, say, which nothing depends on
            assert same(load_checkpoint(saved), TREE), f"byte {at}"


def test_a_changed_shape_that_leaves_the_end_of_an_array_unread_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    save_params(path, {"W1": np.ones(20_000)})
    path.write_bytes(path.read_bytes().replace(b"(20000,)", b"(10000,)"))

    with pytest.raises(ValueError, match="Bad CRC-32 for file 'params/W1"):
        load_params(path)


class Payload:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def _zip_of_text(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("handgrad.npy", "1")


def foreign_files(folder):
    def npz(**arrays):
        np.savez(folder / "foreign.npz", **arrays)

    return {
        "text": lambda: (folder / "foreign.npz").write_text("W1 = 1"),
        "an array": lambda: (
            np.save(folder / "a.npy", np.ones(3)),
            os.rename(folder / "a.npy", folder / "foreign.npz"),
        ),
        "another npz": lambda: npz(W1=np.ones(3)),
        "a later version": lambda: npz(handgrad=np.array([2, 1]), W1=np.ones(3)),
        "an entry short": lambda: npz(handgrad=np.array([1, 2]), W1=np.ones(3)),
        "no arrays": lambda: _zip_of_text(folder / "foreign.npz"),
        "a pickle": lambda: (folder / "foreign.npz").write_bytes(pickle.dumps(Payload(folder / "ran"))),
        "an npz with a pickle": lambda: npz(handgrad=np.array([1, 1]), W1=np.array([Payload(folder / "ran")])),
        "a path that is both": lambda: npz(**{"handgrad": np.array([1, 2]), "a": np.ones(1), "a/b": np.ones(1)}),
    }


@pytest.mark.parametrize("kind", foreign_files(None))
def test_a_foreign_file_is_refused_by_name_and_no_code_in_it_is_run(tmp_path, kind):
    foreign_files(tmp_path)[kind]()

    with pytest.raises(ValueError, match=r"foreign\.npz is not a handgrad checkpoint or is damaged: \S"):
        load_checkpoint(tmp_path / "foreign.npz")
    assert not (tmp_path / "ran").exists()
