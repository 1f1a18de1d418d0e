"""Searches for a file that breaks its reader, guided by coverage, for so many seconds a reader. Needs atheris.

python -m tests.tools.fuzz --seconds 60 [READER ...]
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

INSTRUMENTED = ["handgrad", "zipfile", "gzip", "_compression", "pickletools", "json"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help="by default all")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader (default: 60)")
    options = parser.parse_args(arguments)
    try:
        import atheris  # noqa: F401
    except ImportError:
        parser.error("atheris is missing: pip install atheris")
    from tests.tools.malformed_files import READERS

    if unknown := set(options.readers) - set(READERS):
        parser.error(f"expected some of {', '.join(READERS)}, given {', '.join(unknown)}")
    broken = 0
    for place in options.readers or READERS:
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            command = [sys.executable, "-m", __spec__.name, folder, place, str(options.seconds)]
            process = subprocess.Popen([*command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                said, _ = process.communicate()
            except KeyboardInterrupt:  # which the search has got as well, and ends with
                said, _ = process.communicate()
                print(f"{place}: {_executions(said)} executions, interrupted")
                return 130
        print(f"{place}: {_executions(said)} executions, ", end="")
        fault = re.search(r"Fault: .*|ERROR: libFuzzer.*", said)
        print(fault[0] if fault else "nothing found" if process.returncode == 0 else said[-2000:], flush=True)
        broken += process.returncode != 0
    return int(broken > 0)


def _executions(said: str) -> str:
    """Return how many malformed_files have been read, of what libFuzzer has printed."""
    return f"{max(map(int, re.findall(r'^#([0-9]+)', said, re.MULTILINE)), default=0):,}"


def _search(folder: Path, place: str, seconds: str) -> None:
    """Search for a file that breaks one reader, and end the process."""
    import random

    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.tools import malformed_files
    reader = malformed_files.READERS[place]
    path, corpus = folder / reader.name, folder / "corpus"
    corpus.mkdir()
    seeds = reader.seeds(folder)
    for i, seed in enumerate(seeds):
        (corpus / str(i)).write_bytes(seed)
        assert malformed_files.check(reader, path, seed)
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    malformed_files.watch()

    def change(content: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.4:
            return atheris.Mutate(content, longest)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            content = reader.change(content or rng.choice(seeds), rng)
        return content[:longest]

    def once(content: bytes) -> None:
        malformed_files.check(reader, path, content)

    longest = 10_000 + 2 * max(map(len, seeds))
    limits = [
        f"-max_total_time={seconds}",
        f"-timeout={malformed_files.SECONDS}",
        "-rss_limit_mb=3000",
        f"-max_len={longest}",
    ]
    artifacts = f"-artifact_prefix={Path.cwd()}/hostile-{place.replace('/', '-')}-"
    atheris.Setup([sys.argv[0], *limits, artifacts, str(corpus)], once, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) == 4 and Path(sys.argv[1]).is_dir():
        _search(Path(sys.argv[1]), *sys.argv[2:])
    raise SystemExit(main())
