"""Decoding alone: images a second by several numbers of workers, with the files in the system's memory and without.

python benchmarks/scale/decode.py build/scale/pictures --images 20480 --workers 2,3
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from lookalike.images import decode_folder, scan


def main() -> None:
    """Prints a row for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=20480)
    parser.add_argument("--workers", default=f"{os.cpu_count()},{(os.cpu_count() or 1) + 1}")
    options = parser.parse_args()
    candidates = scan(options.folder).candidates.iloc[: options.images]
    print("| workers | from the disk, s | again, s |\n|---|---|---|")
    for workers in map(int, options.workers.split(",")):
        spent = []
        for forgotten in (True, False):
            if forgotten:
                for path in candidates["path"]:
                    forget(os.path.join(os.fsencode(options.folder), path))
            with tempfile.TemporaryDirectory(dir=options.folder.parent) as place:
                begun = time.monotonic()
                decode_folder(options.folder, candidates, place, size=64, fit="squash", workers=workers)
                spent.append(time.monotonic() - begun)
        print(f"| {workers} | {spent[0]:.1f} | {spent[1]:.1f} |", flush=True)


def forget(path: bytes) -> None:
    """Asks the system to keep nothing of a file in memory."""
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


if __name__ == "__main__":
    main()
