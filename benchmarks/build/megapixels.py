"""Photos of 12 megapixels a second: decoding a folder of them, on all cores.

    python benchmarks/build/megapixels.py

The photos are made here: large drawn pictures, with a camera's noise so that a file has as many bytes as a photo's.
"""

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.demo import draw
from lookalike.images import decode_folder, scan
from lookalike.images.prepare import prepare

DIFFERENT, SIZE, NOISE, QUALITY = 8, (4000, 3000), 5.0, 90
KINDS = ("butterfly", "flower", "tree", "mountains")


def main() -> None:
    """Makes, decodes, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=int, nargs="?", default=1024)
    many = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as place:
        folder, working = Path(place) / "photos", Path(place) / "working"
        folder.mkdir()
        photos = [photo(number) for number in range(DIFFERENT)]
        for number in range(many):  # each with bytes of its own at the end, which no decoder reads
            (folder / f"{number:04}.jpg").write_bytes(photos[number % DIFFERENT] + number.to_bytes(8, "big"))
        os.sync()  # else writing them is still under way, and every file that a worker syncs waits for it
        begun = time.monotonic()
        rows, _ = decode_folder(folder, scan(folder).candidates, working, size=64, fit="squash")
        spent = time.monotonic() - begun
    alone = time.process_time()
    for data in photos:
        prepare(data, size=64, fit="squash")
    alone = (time.process_time() - alone) / DIFFERENT
    print(f"{len(rows)} photos of {SIZE[0]} x {SIZE[1]}, {np.mean([*map(len, photos)]) / 1e6:.1f} MB each")
    print(f"{len(rows) / spent:.1f} photos/s on {os.cpu_count()} cores; {1e3 * alone:.1f} ms of a core for one")


def photo(number: int) -> bytes:
    """A JPEG file as a camera might have written it."""
    drawn = Image.fromarray(draw(KINDS[number % len(KINDS)], number, size=1024)).resize(SIZE, Image.Resampling.BICUBIC)
    noisy = np.asarray(drawn, np.float32) + np.random.default_rng(number).normal(0, NOISE, (SIZE[1], SIZE[0], 1))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


if __name__ == "__main__":
    main()
