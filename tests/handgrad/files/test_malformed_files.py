"""Files made to break their reader: each is read or refused by name, without running, writing or taking much."""

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
    """Return, for each reader, the path of the hostile file, with all that belongs beside it, and valid files."""
    found = {}
    for place, reader in READERS.items():
        folder = tmp_path_factory.mktemp("hostile")
        seeds = reader.seeds(folder)
        found[place] = folder / reader.name, seeds
    return found


readers = pytest.mark.parametrize("place", READERS)


@readers
def test_the_valid_files_are_read(laid_out, place):
    path, seeds = laid_out[place]

    for seed in seeds:
        assert check(READERS[place], path, seed)


@readers
@given(content=st.binary(max_size=300), head=st.integers(0, 300), which=st.integers(0, 9))
@example(content=b"", head=0, which=0)
def test_random_bytes_are_read_or_refused_by_name(laid_out, place, content, head, which):
    path, seeds = laid_out[place]

    check(READERS[place], path, seeds[which % len(seeds)][:head] + content)


@readers
@given(rng=st.randoms(use_true_random=False), times=st.sampled_from([1, 1, 1, 2, 4]))
def test_valid_files_changed_within_their_structure_are_read_or_refused_by_name(laid_out, place, rng, times):
    path, seeds = laid_out[place]
    content = rng.choice(seeds)
    for _ in range(times):
        content = READERS[place].change(content, rng)

    check(READERS[place], path, content)


LIMITED = """
import resource, sys, tempfile
from pathlib import Path
from tests.tools import malformed_files as files
folders = {}
for place, reader in files.READERS.items():
    folders[place] = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    assert all(files.check(reader, folders[place] / reader.name, seed) for seed in reader.seeds(folders[place]))
bombs = {key: make() for key, make in files.BOMBS.items()}
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29, taken + 2**29))
files.watch()
for (place, name), content in bombs.items():
    reader = files.READERS[place]
    read = files.check(reader, folders[place] / reader.name, content)
    print("read" if read else "refused", name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set from /proc")
def test_no_bomb_takes_half_a_gigabyte_or_runs_or_writes_anything(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, cwd=ROOT, timeout=120
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines() == [f"refused {name}" for _, name in BOMBS]


@pytest.mark.parametrize("broken", [MemoryError(), RecursionError("deep"), OSError("none"), ValueError("it is bad")])
def test_a_reader_that_fails_otherwise_is_found(tmp_path, broken):
    def read(path):
        raise broken

    with pytest.raises(Fault):
        check(Reader("file", lambda folder: [], read, None), tmp_path / "file", b"")


def test_a_change_leaves_much_of_the_structure():
    """Else what is searched lies behind the first check of each reader."""
    rng = random.Random(0)
    reader = READERS["checkpoint/run.npz"]
    content = BOMBS["checkpoint/run.npz", "a header of 9,000 brackets"]()

    changed = [reader.change(content, rng) for _ in range(100)]

    assert sum(c.startswith(b"PK\x03\x04") and c[:-22].count(b"PK\x01\x02") >= 2 for c in changed) > 50


def test_the_search_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "atheris", None)

    with pytest.raises(SystemExit) as stopped:
        fuzz.main([])

    assert stopped.value.code == 2
    assert "atheris is missing: pip install atheris" in capsys.readouterr().err
