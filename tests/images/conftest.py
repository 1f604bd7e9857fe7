import io

import numpy as np
import pytest
from PIL import Image

from lookalike.images import scan


@pytest.fixture
def photo():
    """A picture with no symmetry, smooth enough for JPEG: (60, 90, 3)."""
    y, x = np.mgrid[0:60, 0:90]
    red, green, blue = x * 255 / 89, y * 255 / 59, 128 + 90 * np.sin(x / 9 + y / 14)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


@pytest.fixture
def encode():
    def encoded(pixels, name, **options):
        stream = io.BytesIO()
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(stream, name, **options)
        return stream.getvalue()

    return encoded


@pytest.fixture
def folder_of(tmp_path, photo, encode):
    """Makes a folder of n small JPEGs, all different, and scans it."""

    def make(n, name="photos"):
        folder = tmp_path / name
        folder.mkdir()
        for i in range(n):
            shifted = np.roll(photo, i, axis=1)
            (folder / f"{i:04d}.jpg").write_bytes(encode(shifted, "JPEG"))
        return folder, scan(folder).candidates

    return make
