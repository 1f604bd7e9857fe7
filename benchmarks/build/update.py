"""What an update costs, and what it gives away against building again: seconds and scores.

python benchmarks/build/update.py ../shared/data/clothing           # any options of `lookalike build` may follow

A library is built of 19 of 20 pictures of a folder; then the others come, and it is updated; then it is built again
from nothing. Real commands, as processes of their own. Scores are against the first sub-folder.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from build import COMMAND, measured

LATER = 20
"""One of so many pictures comes later."""
SCORES = ("precision_at_10", "knn_accuracy", "acc", "nmi")


def main() -> None:
    """Prints the table for README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    given, options = parser.parse_known_args()
    pictures = sorted(path for path in given.folder.resolve().rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as place:
        folder, updated, anew = (Path(place) / name for name in ("pictures", "updated.lookalike", "anew.lookalike"))
        copied([path for number, path in enumerate(pictures) if number % LATER], given.folder.resolve(), folder)
        print("| | seconds | " + " | ".join(SCORES) + " |\n|---|---|" + "---|" * len(SCORES))
        row("built of the first", updated, "build", str(folder), "-o", str(updated), *options)
        copied(pictures[::LATER], given.folder.resolve(), folder)
        row("updated with the others", updated, "update", str(updated))
        row("updated with nothing", updated, "update", str(updated))
        row("built again from nothing", anew, "build", str(folder), "-o", str(anew), *options)


def copied(pictures: list[Path], source: Path, target: Path) -> None:
    """The pictures in another folder, of the same names there."""
    for path in pictures:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def row(name: str, library: Path, *command: str) -> None:
    """Runs a command; prints how long it took, and how good the library is then."""
    start = time.monotonic()
    measured([*COMMAND, *command, "--json"])
    seconds = time.monotonic() - start
    scores: dict[str, Any] = json.loads(measured([*COMMAND, "evaluate", str(library), "--json"])[0])
    print(f"| {name} | {seconds:.1f} | " + " | ".join(f"{scores[score]:.3f}" for score in SCORES) + " |", flush=True)


if __name__ == "__main__":
    main()
