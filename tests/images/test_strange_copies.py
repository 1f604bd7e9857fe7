"""A working copy that a stranger packed: what it claims is checked before anything large is read or decoded."""

import json

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import LibraryError
from lookalike.images import Pixels, Thumbnails, decode_folder

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def copy(folder_of, tmp_path):
    folder, candidates = folder_of(2)
    decode_folder(folder, candidates, tmp_path / "copy", size=8, workers=1)
    return tmp_path / "copy"


def put_thumbnail(copy, jpeg):
    """Make this the thumbnail of slot 0."""
    table = json.loads((copy / "shards" / "000000.json").read_text())
    table["rows"][0][-2:] = [0, len(jpeg)]
    (copy / "shards" / "000000.json").write_text(json.dumps(table))
    (copy / "thumbnails" / "000000.jpegs").write_bytes(jpeg)


@pytest.mark.parametrize(("width", "height"), [(129, 1), (1, 129), (300, 200), (13000, 14000), (65500, 3000)])
def test_a_thumbnail_larger_than_thumbnails_are_is_damage(copy, encode, width, height):
    jpeg = encode(np.zeros((8, 8, 3), np.uint8), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5  # where its header says how large it is
    put_thumbnail(copy, jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :])
    with pytest.raises(LibraryError, match=r"000000\.jpegs is damaged"):
        Thumbnails(copy).array(0)


def test_the_largest_thumbnail_is_read_whatever_pillow_is_set_to(copy, encode, monkeypatch):
    put_thumbnail(copy, encode(np.zeros((128, 128, 3), np.uint8), "JPEG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert Thumbnails(copy).array(0).shape == (128, 128, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("name", ["decode.json", "shards/000000.json"])
@pytest.mark.parametrize("filling", [b" " * (1 << 20), b"[" * 200_000])
def test_json_that_is_too_large_or_too_deep_is_damage(copy, name, filling):
    path = copy / name
    path.write_bytes(filling + path.read_bytes())
    with pytest.raises(LibraryError, match=rf"{path.name} is .*damaged"):
        Thumbnails(copy).jpeg(0)


@pytest.mark.parametrize("claim", [{"size": 2**40}, {"size": 0}, {"size": -8}, {"slots": -2}, {"size": float("inf")}])
def test_a_header_that_cannot_be_is_damage(copy, claim):
    header = json.loads((copy / "decode.json").read_text())
    (copy / "decode.json").write_text(json.dumps({**header, **claim}))
    with pytest.raises(LibraryError, match=r"decode\.json is damaged"):
        Pixels(copy)


@pytest.mark.parametrize(("field", "value"), [(0, "0"), (0, -1), (6, "0"), (6, -1), (7, None), (7, -1), (3, 5)])
def test_a_row_that_cannot_be_is_damage(copy, field, value):
    table = json.loads((copy / "shards" / "000000.json").read_text())
    table["rows"][0][field] = value
    (copy / "shards" / "000000.json").write_text(json.dumps(table))
    with pytest.raises(LibraryError, match=r"000000\.json is missing or damaged"):
        Thumbnails(copy).jpeg(0)
