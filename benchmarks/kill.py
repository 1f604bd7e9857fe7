"""Is anything lost when a build is killed? Kills it at random moments, again and again, and compares the end.

    python benchmarks/kill.py FOLDER [--kills 100] [--seed 0] [--epochs 20] [--model vae] [--into SCRATCH]

A build of FOLDER runs once undisturbed. Then builds run in processes of their own and are killed (SIGKILL, which no
program can answer) at a random moment within half the time that the undisturbed one took; the next one goes on in the
same library. Whenever one comes to its end, its tables, arrays and model must equal the undisturbed one's to the byte,
and the next build starts with a new library. Checkpoints of the training are written every 50 ms instead of every 30 s,
so that a training of seconds has as many of them as one of hours.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CHILD = """
import json, sys
from lookalike import build
from lookalike.learn import checkpoint
checkpoint.INTERVAL = 0.05
tell = lambda stage, done, total, note="": print(stage, flush=True)
tell("start", 0, 0)
build(sys.argv[1], sys.argv[2], progress=tell, **json.loads(sys.argv[3]))
"""


@dataclass
class Outcome:
    """What the kills led to."""

    kills: Counter[str] = field(default_factory=Counter)
    """How often a build was killed, by what it was doing."""
    finished: int = 0
    """Builds that came to their end after being killed."""
    failures: list[str] = field(default_factory=list)
    """What differs from the undisturbed build, or what a build died of by itself."""


def results(library: Path) -> dict[str, str]:
    """Every table, array and model file of a library: stage, name and file, to a hash of the content."""
    found = {}
    for stage, record in json.loads((library / "library.json").read_text())["stages"].items():
        for name, place in record["files"].items():
            path = library / place
            for file in sorted(path.iterdir()) if path.is_dir() else [path]:
                found[f"{stage}/{name}/{file.name if path.is_dir() else ''}"] = _content(file)
    return found


def _content(file: Path) -> str:
    data = file.read_bytes()
    if file.name == "model.json":  # notes how many seconds the training took
        document = json.loads(data)
        document["facts"].pop("seconds", None)
        data = json.dumps(document, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


class Build:
    """One build in a process of its own."""

    def __init__(self, folder: Path, library: Path, settings: dict[str, Any]) -> None:
        self.output, self.errors = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(library), json.dumps(settings)],
            stdout=self.output,
            stderr=self.errors,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        while not self._read(self.output) and self.process.poll() is None:
            time.sleep(0.02)  # while it imports

    def ends_within(self, seconds: float | None) -> bool:
        """Waits for the end; False when the time is up before."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> str:
        """Ends the process at once; tells what it was doing."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return self._read(self.output).split()[-1]

    def complaint(self) -> str:
        """Why it ended by itself; empty when all went well."""
        return "" if self.process.returncode == 0 else self._read(self.errors)[-500:].strip() or "no reason given"

    @staticmethod
    def _read(stream: Any) -> str:
        stream.seek(0)
        return str(stream.read())


def kill_and_go_on(folder: Path, scratch: Path, *, settings: dict[str, Any], n_kills: int, seed: int = 0) -> Outcome:
    """Kills builds of ``folder`` ``n_kills`` times; libraries go to the folder ``scratch``."""
    outcome, rng = Outcome(), np.random.default_rng(seed)
    undisturbed = Build(folder, scratch / "undisturbed.lookalike", settings)
    start = time.monotonic()
    undisturbed.ends_within(None)
    seconds = time.monotonic() - start
    if reason := undisturbed.complaint():
        return Outcome(failures=[f"undisturbed: {reason}"])
    expected, library = results(scratch / "undisturbed.lookalike"), scratch / "0.lookalike"
    while sum(outcome.kills.values()) < n_kills or library.exists():
        last = sum(outcome.kills.values()) == n_kills
        build = Build(folder, library, settings)
        if build.ends_within(None if last else rng.uniform(0, seconds / 2)):
            outcome.failures += _differences(build, library, expected)
            outcome.finished += 1
            library = scratch / f"{outcome.finished}.lookalike"
        else:
            outcome.kills[build.kill()] += 1
    return outcome


def _differences(build: Build, library: Path, expected: dict[str, str]) -> list[str]:
    if reason := build.complaint():
        return [f"{library.name}: {reason}"]
    found = results(library)
    return [
        f"{library.name}: {name} differs"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]


def main() -> int:
    """Reads the options, kills, prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="vae")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    settings = {"model": options.model, "epochs": options.epochs, "space": "embedding", "projection": "pca"}
    scratch = Path(tempfile.mkdtemp(dir=options.into))
    outcome = kill_and_go_on(options.folder, scratch, settings=settings, n_kills=options.kills, seed=options.seed)
    print(f"{options.folder}: {options.model}, {options.epochs:g} epochs; libraries in {scratch}")
    print(f"{'killed while at':<20}{'times':>6}")
    for stage, times in outcome.kills.most_common():
        print(f"{stage:<20}{times:>6}")
    print(f"{'all':<20}{sum(outcome.kills.values()):>6}")
    print(f"{outcome.finished} builds came to their end, {len(outcome.failures)} differences")
    print(*outcome.failures, sep="\n")
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
