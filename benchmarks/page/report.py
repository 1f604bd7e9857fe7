"""How large a report is, and how long it takes to write: ``python benchmarks/page/report.py LIBRARY``."""

import argparse
import tempfile
import time
from pathlib import Path

import lookalike
from lookalike import show


def main() -> None:
    """Writes one into a temporary place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path)
    library = lookalike.open(parser.parse_args().library)
    with tempfile.TemporaryDirectory() as place:
        begun = time.monotonic()
        size = show.write_report(library, Path(place) / "report.html").stat().st_size
    print(f"{len(library.file_names):,} images: {size / 1e6:.1f} MB, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
