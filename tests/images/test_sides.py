"""How large the pictures of a folder typically are."""

import os

import numpy as np
import pytest

from lookalike.images import sides, typical_side, write_image


@pytest.fixture
def written(tmp_path):
    """Writes a picture of so many rows and columns, and gives its path."""

    def make(rows, columns, ending="png"):
        path = tmp_path / f"{rows}x{columns}.{ending}"
        write_image(np.zeros((rows, columns, 3), np.uint8), path)
        return path

    return make


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_the_shorter_side_counts(written, ending):
    assert typical_side([written(30, 50, ending), written(70, 40, ending), written(45, 45, ending)]) == 40


def test_arrays_are_pictures_too():
    assert typical_side([np.zeros((30, 50, 3), np.uint8), np.zeros((9, 8))]) == 19


def test_what_cannot_be_read_is_passed_over(tmp_path, written):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "empty.jpg").touch()
    unreadable = [broken, tmp_path / "empty.jpg", tmp_path / "gone.png", tmp_path]
    assert typical_side([*unreadable, written(30, 50)]) == 30
    assert typical_side(unreadable) == 0
    huge = written(20, 20, "webp")
    os.truncate(huge, sides.LARGEST + 1)
    assert typical_side([huge]) == 0
    assert typical_side([]) == 0


def test_a_large_folder_is_looked_into_here_and_there(monkeypatch):
    monkeypatch.setattr(sides, "SOME", 5)
    large, small = np.zeros((50, 50)), np.zeros((10, 10))
    assert typical_side([small] * 4 + [large] * 8) == 50
    assert typical_side([small] * 8 + [large] * 4) == 10
