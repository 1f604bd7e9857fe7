"""A query goes exactly the way that the images of a folder go."""

import io

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import ImageError, SettingError
from lookalike.images import Pixels, decode, decode_folder, load, scan


@pytest.fixture
def mixed_folder(tmp_path, photo, encode):
    """A large photo on its side, one with transparency, a deep grey one, a tiny one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    large = photo.repeat(12, axis=0).repeat(12, axis=1)
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "large.jpg").write_bytes(encode(large, "JPEG", exif=exif))
    rgba = np.dstack([large, large[..., 0]])
    (folder / "clear.png").write_bytes(encode(rgba, "PNG"))
    (folder / "deep.tif").write_bytes(encode(large[..., 0].astype(np.uint16) * 200, "TIFF"))
    (folder / "tiny.gif").write_bytes(encode(photo[:3, :2].copy(), "GIF"))
    return folder


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_a_query_equals_its_row_of_the_working_copy(mixed_folder, tmp_path, fit):
    images, skipped = decode_folder(mixed_folder, scan(mixed_folder).candidates, tmp_path / "copy", size=32, fit=fit)
    pixels = Pixels(tmp_path / "copy")
    assert (len(images), len(skipped)) == (4, 0)
    for row in images.itertuples():
        path = mixed_folder / row.file_name
        for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
            assert np.array_equal(load(source, size=32, fit=fit), pixels[row.slot]), row.file_name


def test_fits_differ_as_they_say():
    left_half_black = np.full((20, 40, 3), 250, np.uint8)
    left_half_black[:, :20] = 0
    squash, pad, crop = (load(left_half_black, size=20, fit=fit) for fit in ("squash", "pad", "crop"))
    assert squash.shape == pad.shape == crop.shape == (20, 20, 3)
    assert (squash[:, :8] == 0).all()
    assert (squash[:, 12:] == 250).all()
    assert (pad[:4] == 255).all()
    assert (pad[-4:] == 255).all()
    assert (pad[6:14, :8] == 0).all()
    assert (crop[:, :10] == 0).all()
    assert (crop[:, 10:] == 250).all()


def test_resampling_is_antialiased():
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(load(stripes, size=32).astype(int) - 127).max() <= 2


def test_arrays_are_queries(photo):
    assert np.array_equal(load(photo, size=60, fit="crop"), photo[:, 15:75])
    grey = load(photo[..., 0].copy(), size=16)
    assert (grey == grey[..., :1]).all()
    assert load(photo, size=200).shape == (200, 200, 3)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_other_arrays_are_refused(array):
    with pytest.raises(SettingError, match="expected uint8"):
        load(array, size=8)


def test_an_image_of_pillows_is_refused_with_what_to_do(photo):
    with pytest.raises(SettingError, match="expected its file, or numpy"):
        load(Image.fromarray(photo), size=8)


@pytest.mark.parametrize(
    ("size", "fit", "match"), [(0, "pad", "size is 0"), (9999, "pad", "4096"), (8, "stretch", "squash, pad")]
)
def test_settings_are_checked(photo, size, fit, match):
    with pytest.raises(SettingError, match=match):
        load(photo, size=size, fit=fit)


def test_errors_name_the_file(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.jpg: the file is not there"):
        load(tmp_path / "gone.jpg", size=8)
    with pytest.raises(ImageError, match="a folder, not a file"):
        load(tmp_path, size=8)
    (tmp_path / "text.jpg").write_text("words")
    with pytest.raises(ImageError, match=r"text\.jpg: not a picture"):
        load(tmp_path / "text.jpg", size=8)
    with pytest.raises(ImageError, match="not a file name"):
        load("a\0b.jpg", size=8)
    with pytest.raises(ImageError, match="the file is empty"):
        load(b"", size=8)


def test_decode_gives_all_pixels(photo, encode):
    assert np.array_equal(decode(encode(photo, "PNG")), photo)
