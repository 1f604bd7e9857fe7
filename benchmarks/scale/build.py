"""The whole job for a drawn folder: seconds, images/s, share of the machine's limit and peak memory, stage by stage.

    pip install simplejpeg
    lookalike demo build/scale --images 154644 --size 256 --draw-only
    python benchmarks/scale/build.py build/scale/pictures --images 10000,50000,154644

Every number of images is a folder of links to the first of each family. In the same run: the limits (`limits.py`), and
how many images the talk's network trains on a second. Options that this script does not know go to `lookalike build`.
Memory is what processes hold of their own, summed; pages of files that the system may drop at any time stand beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from limits import limits, work

import lookalike
from lookalike import images, learn

STAGES = ("scan", "decode", "train", "embed", "index", "project", "cluster")
TALK_IMAGES, TALK_MINUTES = 512, 2.0


def main() -> None:
    """Limits, the talk's network, and a table for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", default="10000,50000,154644")
    parser.add_argument("--no-talk", action="store_true", help="without the talk's network")
    options, more = parser.parse_known_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before: {load}\n\n| limit | |\n|---|---|")
    most = limits(options.folder)
    for name, value in most.items():
        print(f"| {name} | {value:,.1f} |", flush=True)
    if not options.no_talk:
        print(f"| the talk's network, training, images/s | {talk(options.folder):.2f} |", flush=True)
    for n in map(int, options.images.split(",")):
        with tempfile.TemporaryDirectory(dir=options.folder.parent) as place:
            folder = linked(options.folder, n, Path(place) / "pictures")
            table(most, *built(folder, Path(place) / "x.lookalike", more))


def talk(folder: Path) -> float:
    """Images a second that the `talk` network is trained on, by the clock, on the same machine."""
    with tempfile.TemporaryDirectory() as place:
        found = images.scan(folder).candidates.iloc[:TALK_IMAGES]
        rows, _ = images.decode_folder(folder, found, place, size=256, fit="squash")
        trained = learn.train("talk", images.Pixels(place), rows["slot"].to_numpy(), minutes=TALK_MINUTES)
        return trained.facts["steps"] * trained.batch / trained.facts["seconds"]


def linked(folder: Path, n: int, into: Path) -> Path:
    """A folder of the first pictures of every sub-folder, ``n`` in all or as many as there are."""
    families = sorted(path for path in folder.iterdir() if path.is_dir())
    for number, family in enumerate(families):
        (into / family.name).mkdir(parents=True)
        for picture in sorted(family.iterdir())[: n // len(families) + (number < n % len(families))]:
            os.link(picture, into / family.name / picture.name)
    return into


def built(folder: Path, library: Path, options: list[str]) -> tuple[dict[str, Any], float, list[tuple[float, ...]]]:
    """What `lookalike build` says, and its scores; its seconds; (second, own bytes, bytes of files) twice a second."""
    command = [sys.executable, "-m", "lookalike", "build", str(folder), "-o", str(library), "--json", *options]
    start, seen = time.monotonic(), []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ended = threading.Event()

    def watch() -> None:
        watched = psutil.Process(process.pid)
        while not ended.wait(0.5):
            seen.append((time.monotonic() - start, *held(watched)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    wall = time.monotonic() - start
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    made = lookalike.open(library)
    shown = made.info()["stages"]["model"]["steps"] * made.model.batch
    return {**json.loads(output), "scores": made.evaluate(), "shown": shown}, wall, seen


def held(process: psutil.Process) -> tuple[int, int]:
    """Memory of a process and its children: of their own, and their share of the files' pages they look at."""
    own = files = 0
    try:
        everyone = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for one in everyone:
        try:
            found = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue  # it has ended
        sizes = {line.split(":")[0]: int(line.split()[1]) << 10 for line in found}
        own += sizes["Pss_Anon"] + sizes["Pss_Shmem"]
        files += sizes["Pss_File"]
    return own, files


def table(most: dict[str, float], result: dict[str, Any], wall: float, seen: list[tuple[float, ...]]) -> None:
    """A row for each stage, and the whole."""
    n, seconds, scores = result["images"], result["seconds"], result["scores"]
    print(f"\n**{n:,} images**, {result['clusters']} clusters chosen. ", end="")
    print(", ".join(f"{name} {value:.3f}" for name, value in scores.items() if isinstance(value, float)))
    print("\n| stage | seconds | images/s | of the limit | memory, GB | and files, GB |\n|---|---|---|---|---|---|")
    begun, moments = wall - seconds["total"], np.array(seen)  # the command ends with the last stage
    for stage in STAGES:
        ended = begun + seconds[stage]
        now = moments[(moments[:, 0] >= begun) & (moments[:, 0] <= ended + 0.5)]
        own, files = (now[:, column].max() / 2**30 for column in (1, 2)) if len(now) else (0, 0)
        print(f"| {stage} | {seconds[stage]:.1f} | {n / max(seconds[stage], 1e-3):,.0f} | ", end="")
        print(f"{share(stage, n, seconds[stage], result, most)} | {own:.2f} | {files:.2f} |")
        begun = ended
    whole = f"| **the command** | **{wall:.1f}** | {n / wall:,.0f} | | "
    print(f"{whole}{moments[:, 1].max() / 2**30:.2f} | {moments[:, 2].max() / 2**30:.2f} |", flush=True)


def share(stage: str, n: int, seconds: float, result: dict[str, Any], most: dict[str, float]) -> str:
    """How much of what the machine can do at most a stage does; empty where no limit is known."""
    rate = max(value for name, value in most.items() if name.startswith("convolution"))
    if stage == "decode":
        return f"{n / seconds / most['JPEG decoding reduced, images/s']:.0%}"
    if stage in ("train", "embed"):
        times = n if stage == "embed" else result["shown"]
        return f"{times * work()[stage] / seconds / rate:.0%}"
    return ""


if __name__ == "__main__":
    main()
