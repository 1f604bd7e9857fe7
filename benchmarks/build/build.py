"""A folder's build from end to end, and a cold search in it: seconds, images a second, peak memory.

python benchmarks/build/build.py ../shared/data/clothing            # any options of `lookalike build` may follow

Runs the real commands as processes of their own. Memory is the sum over the process and its children (their
proportional share where the system tells it), sampled twice a second. Results: README.md beside this file.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

COMMAND = [sys.executable, "-m", "lookalike"]
SEARCHES = 5


def main() -> None:
    """Prints the table for README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place:
        library = Path(place) / "benchmark.lookalike"
        build, wall, peak = measured([*COMMAND, "build", str(folder.folder), "-o", str(library), "--json", *options])
        report(json.loads(build), wall, peak)
        query = next(path for path in sorted(folder.folder.rglob("*")) if path.suffix.lower() in {".jpg", ".png"})
        outside = Path(shutil.copy(query, place))
        for what, asked in (("image of the library", query), ("picture from outside", outside)):
            searches = [measured([*COMMAND, "find", str(library), str(asked), "--json"])[1] for _ in range(SEARCHES)]
            print(f"| cold `find`, {what}, median of {SEARCHES} | {statistics.median(searches):.2f} | |")


def report(result: dict[str, Any], wall: float, peak: int) -> None:
    """Prints a row for each stage, and the whole."""
    images, seconds = result["images"], result["seconds"]
    print(f"{images} images, {result['skipped']} skipped, model {result['model']}, {result['clusters']} clusters\n")
    print("| stage | seconds | images/s |\n|---|---|---|")
    for stage in ("scan", "decode", "train", "embed", "index", "project", "cluster"):
        print(f"| {stage} | {seconds[stage]:.1f} | {images / max(seconds[stage], 1e-3):,.0f} |")
    print(f"| the command | {wall:.1f} | {images / wall:,.0f} |")
    print(f"| peak memory | {peak / 2**30:.2f} GB | |")


def measured(command: list[str]) -> tuple[str, float, int]:
    """What a command prints, its seconds, and the most memory that it and its children held, in bytes."""
    start, peak = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            peak = max(peak, sum(held(one) for one in [watched, *watched.children(recursive=True)]))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)  # no longer than it takes: a search is over in less
    wall = time.monotonic() - start
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return output, wall, peak


def held(process: psutil.Process) -> int:
    """Memory of one process: its proportional share, or where that is unknown what is resident."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    return 0


if __name__ == "__main__":
    main()
