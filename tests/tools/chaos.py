"""Kills workers, the Redis server and campaigns at random moments, and compares what comes out with a quiet run.

python -m tests.tools.chaos --times 50
"""

import argparse
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis
from hypothesis.database import DirectoryBasedExampleDatabase
from rich.progress import Progress

from oracle.campaigns.database import FOLDER
from oracle.checks.search import key_of

#: A rule with a mistake, in every process that is begun with it on its path.
PLANTED = """
import handgrad

right = handgrad.RULES["relu"]


def relu(z):
    h, backward = right(z)
    return h, lambda dh: (backward(dh)[0] * (2 if z.shape == (3, 5) else 1),)


handgrad.RULES["relu"] = relu
"""


class Server:
    """A Redis server of our own, which keeps nothing on disk."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()


def planted(folder):
    """Return the environment of a process in which relu is wrong."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(PLANTED)
    path = filter(None, (str(folder), os.environ.get("PYTHONPATH")))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def begin(folder, *options, env=None):
    """Begin a verification in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "oracle", "verify", *options],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def table(printed):
    """Return what a verification printed, without what the clock says."""
    printed = re.sub(r" *[\d,]* +(?=agrees|DISAGREES|not run)", " ", printed)
    return re.sub(r"problems in [\d,]+ s", "problems", printed)


def refused(process):
    """Return whether a verification ended before it began."""
    return process.poll() == 2


def workers_of(pid):
    """Return the processes that check for a verification."""
    lines = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True).stdout.splitlines()
    found = (line.split(maxsplit=2) for line in lines)
    return [int(child) for child, parent, what in found if int(parent) == pid and "spawn_main" in what]


def ended(pids, within=60):
    """Return whether all of these processes end within so many seconds."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        lines = subprocess.run(["ps", "-wweo", "pid=,stat="], capture_output=True, text=True).stdout.splitlines()
        alive = {int(pid) for pid, state in map(str.split, lines) if state[0] != "Z"}
        if not alive.intersection(pids):
            return True
        time.sleep(0.1)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50, help="kills (default: 50)")
    parser.add_argument("--problems", type=int, default=600, help="of each name (default: 600)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as home, Server() as server, Progress(transient=True) as progress:
        env, killed = planted(Path(home, "planted")), progress.add_task("kills", total=options.times)
        plan = ["--only", "relu", "affine", "two_layer", "--problems", str(options.problems)]
        plan += ["--seed", str(options.seed), "--workers", "2"]

        quiet = Path(home, "quiet")
        quiet.mkdir()
        started = time.perf_counter()
        out, err = begin(quiet, *plan, env=env).communicate()
        undisturbed, expected = time.perf_counter() - started, table(out)
        assert "DISAGREES" in expected, out + err
        failing = set(DirectoryBasedExampleDatabase(quiet / FOLDER).fetch(key_of("relu")))
        assert failing
        progress.print(f"undisturbed: {undisturbed:.0f} s, {len(failing)} failing problems\n{expected}")

        counts, campaigns = dict.fromkeys(("worker", "server", "campaign"), 0), 0
        while sum(counts.values()) < options.times:
            folder = Path(home, f"campaign{campaigns}")
            folder.mkdir()
            command = [*plan, "--resume", "campaign.json", "--database", server.url]
            process = begin(folder, *command, env=env)
            while sum(counts.values()) < options.times:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(rng.uniform(0, undisturbed / 5))
                    if not refused(process):
                        break
                if server.process is None:
                    server.start()
                if process.poll() is not None:  # it began while the server was away
                    process = begin(folder, *command, env=env)
                team, victim = workers_of(process.pid), rng.choice(["worker", "worker", "server", "campaign"])
                if victim == "worker" and team:
                    os.kill(rng.choice(team), signal.SIGKILL)
                elif victim == "server":
                    server.kill()
                elif victim == "campaign":
                    process.kill()
                    process.wait()
                    assert ended(team), f"workers go on: {team}"
                    process = begin(folder, *command, env=env)
                else:
                    continue
                counts[victim] += 1
                progress.update(killed, completed=sum(counts.values()))
            if server.process is None:
                server.start()
            process.communicate()
            out, err = begin(folder, *command, env=env).communicate()  # had it finished while the server was away
            campaigns += 1
            assert table(out) == expected, f"expected\n{expected}\nfound\n{out}{err}"
            kept = set(DirectoryBasedExampleDatabase(folder / FOLDER).fetch(key_of("relu")))
            assert failing <= kept, f"{len(failing - kept)} failing problems lost"
            served = redis.Redis.from_url(server.url).smembers(b"handgrad:" + key_of("relu"))
            assert failing <= served, f"{len(failing - served)} failing problems lost in Redis"
            progress.print(f"campaign {campaigns}: the same table, {len(kept)} failing problems kept, {counts}")
    print(f"{sum(counts.values())} kills in {campaigns} campaigns: no finding lost, and every table the same")


if __name__ == "__main__":
    main()
