"""Fashion-MNIST's four idx files as a folder of pictures, a sub-folder for each label.

python benchmarks/quality/unpack.py ../shared/data/fashion-mnist build/fashion-mnist
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Writes 70,000 PNG files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    for split in ("train", "t10k"):
        images = read(options.folder / f"{split}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = read(options.folder / f"{split}-labels-idx1-ubyte.gz", 8)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = options.out / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{split}-{number:05d}.png")


def read(path: Path, header: int) -> np.ndarray:
    """The numbers behind a header of so many bytes."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


if __name__ == "__main__":
    main()
