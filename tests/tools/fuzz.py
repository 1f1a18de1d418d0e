"""Search, guided by coverage, for files that break their readers. Needs atheris.

Usage: python -m tests.tools.fuzz [--seconds 60] [READER ...]
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
    parser.add_argument("readers", nargs="*", metavar="READER", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader (default: 60)")
    options = parser.parse_args(arguments)
    try:
        import atheris  # noqa: F401
    except ImportError:
        parser.error("atheris is missing: pip install atheris")
    from tests.tools.malformed_files import READERS

    if unknown := set(options.readers) - set(READERS):
        parser.error(f"READER must be one of {', '.join(READERS)}, got {', '.join(unknown)}")
    broken = 0
    for name in options.readers or READERS:
        with tempfile.TemporaryDirectory(prefix="malformed-") as folder:
            command = [sys.executable, "-m", __spec__.name, folder, name, str(options.seconds)]
            process = subprocess.Popen([*command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                output, _ = process.communicate()
            except KeyboardInterrupt:  # the search gets it as well, and ends
                output, _ = process.communicate()
                print(f"{name}: {_executions(output)} executions, interrupted")
                return 130
        print(f"{name}: {_executions(output)} executions, ", end="")
        fault = re.search(r"Fault: .*|ERROR: libFuzzer.*", output)
        print(fault[0] if fault else "nothing found" if process.returncode == 0 else output[-2000:], flush=True)
        broken += process.returncode != 0
    return int(broken > 0)


def _executions(output: str) -> str:
    """Return the number of files that have been read, from the output of libFuzzer."""
    return f"{max(map(int, re.findall(r'^#([0-9]+)', output, re.MULTILINE)), default=0):,}"


def _search(folder: Path, name: str, seconds: str) -> None:
    """Search for a file that breaks one reader, and end the process."""
    import random

    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.tools import malformed_files
    reader = malformed_files.READERS[name]
    path, corpus = folder / reader.name, folder / "corpus"
    corpus.mkdir()
    seeds = reader.seeds(folder)
    for i, seed in enumerate(seeds):
        (corpus / str(i)).write_bytes(seed)
        assert malformed_files.check(reader, path, seed)
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    malformed_files.forbid_side_effects()

    def mutate(content: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.4:
            return atheris.Mutate(content, longest)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            content = reader.mutate(content or rng.choice(seeds), rng)
        return content[:longest]

    def check(content: bytes) -> None:
        malformed_files.check(reader, path, content)

    longest = 10_000 + 2 * max(map(len, seeds))
    limits = [
        f"-max_total_time={seconds}",
        f"-timeout={malformed_files.SECONDS}",
        "-rss_limit_mb=3000",
        f"-max_len={longest}",
    ]
    artifacts = f"-artifact_prefix={Path.cwd()}/malformed-{name.replace('/', '-')}-"
    atheris.Setup([sys.argv[0], *limits, artifacts, str(corpus)], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) == 4 and Path(sys.argv[1]).is_dir():
        _search(Path(sys.argv[1]), *sys.argv[2:])
    raise SystemExit(main())
