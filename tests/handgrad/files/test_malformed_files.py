"""Malformed files: each is read, or refused by name, without running or writing anything or taking much memory."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tools import fuzz
from tests.tools.malformed_files import BOMBS, READERS, Fault, Reader, check

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    """Return, for each reader, the path of its file, with what belongs beside it, and valid contents."""
    found = {}
    for name, reader in READERS.items():
        folder = tmp_path_factory.mktemp("malformed")
        seeds = reader.seeds(folder)
        found[name] = folder / reader.name, seeds
    return found


readers = pytest.mark.parametrize("name", READERS)


@readers
def test_the_valid_files_are_read(laid_out, name):
    path, seeds = laid_out[name]

    for seed in seeds:
        assert check(READERS[name], path, seed)


@readers
@given(content=st.binary(max_size=300), head=st.integers(0, 300), which=st.integers(0, 9))
@example(content=b"", head=0, which=0)
def test_random_bytes_are_read_or_refused_by_name(laid_out, name, content, head, which):
    path, seeds = laid_out[name]

    check(READERS[name], path, seeds[which % len(seeds)][:head] + content)


@readers
@given(rng=st.randoms(use_true_random=False), times=st.sampled_from([1, 1, 1, 2, 4]))
def test_mutated_valid_files_are_read_or_refused_by_name(laid_out, name, rng, times):
    path, seeds = laid_out[name]
    content = rng.choice(seeds)
    for _ in range(times):
        content = READERS[name].mutate(content, rng)

    check(READERS[name], path, content)


LIMITED = """
import resource, sys, tempfile
from pathlib import Path
from tests.tools import malformed_files as files
folders = {}
for name, reader in files.READERS.items():
    folders[name] = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    assert all(files.check(reader, folders[name] / reader.name, seed) for seed in reader.seeds(folders[name]))
bombs = {key: make() for key, make in files.BOMBS.items()}
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29, taken + 2**29))
files.forbid_side_effects()
for (name, bomb), content in bombs.items():
    reader = files.READERS[name]
    read = files.check(reader, folders[name] / reader.name, content)
    print("read" if read else "refused", bomb)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set from /proc")
def test_no_bomb_takes_half_a_gigabyte_or_runs_or_writes_anything(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, cwd=ROOT, timeout=120
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines() == [f"refused {name}" for _, name in BOMBS]


@pytest.mark.parametrize("broken", [MemoryError(), RecursionError("deep"), OSError("none"), ValueError("it is bad")])
def test_any_other_failure_of_a_reader_is_a_fault(tmp_path, broken):
    def read(path):
        raise broken

    with pytest.raises(Fault):
        check(Reader("file", lambda folder: [], read, None), tmp_path / "file", b"")


def test_a_mutation_keeps_much_of_the_structure():
    """Otherwise the search would not get beyond the first check of each reader."""
    rng = random.Random(0)
    reader = READERS["checkpoint/run.npz"]
    content = BOMBS["checkpoint/run.npz", "a header of 9,000 brackets"]()

    changed = [reader.mutate(content, rng) for _ in range(100)]

    assert sum(c.startswith(b"PK\x03\x04") and c[:-22].count(b"PK\x01\x02") >= 2 for c in changed) > 50


def test_the_search_names_the_missing_package(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "atheris", None)

    with pytest.raises(SystemExit) as stopped:
        fuzz.main([])

    assert stopped.value.code == 2
    assert "atheris is missing: pip install atheris" in capsys.readouterr().err
