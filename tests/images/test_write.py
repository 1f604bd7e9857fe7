"""Pixels become files, whole or not at all, and bear text."""

import os

import numpy as np
import pytest

from lookalike.errors import LookalikeError, SettingError
from lookalike.images import decode, draw_text, encode_jpeg, encode_png, encode_webp, write_image


@pytest.mark.parametrize(("name", "worst"), [("a.png", 0), ("a.jpg", 40), ("a.JPEG", 40), ("a.webp", 60)])
def test_what_is_written_can_be_read(tmp_path, photo, name, worst):
    write_image(photo, tmp_path / name)
    assert np.abs(decode((tmp_path / name).read_bytes()).astype(int) - photo).max() <= worst
    assert os.listdir(tmp_path) == [name]


def test_a_failed_write_leaves_the_old_file(tmp_path, photo, monkeypatch):
    write_image(photo, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LookalikeError, match=r"a\.png could not be written: No space left"):
        write_image(photo[::-1].copy(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


def test_settings_are_checked(tmp_path, photo):
    with pytest.raises(SettingError, match=r"\.jpg, \.jpeg, \.png, \.webp"):
        write_image(photo, tmp_path / "a.doc")
    with pytest.raises(SettingError, match="expected uint8"):
        encode_png(photo / 255)
    with pytest.raises(SettingError, match="quality is 0"):
        encode_jpeg(photo, 0)
    with pytest.raises(SettingError, match="quality is 101"):
        encode_webp(photo, 101)
    with pytest.raises(SettingError, match="anchor"):
        draw_text(photo, (0, 0), "a", anchor="zz")
    with pytest.raises(SettingError, match="size is 0"):
        draw_text(photo, (0, 0), "a", size=0)
    with pytest.raises(LookalikeError, match="could not be written"):
        write_image(photo, tmp_path / "missing" / "a.png")


@pytest.mark.parametrize("encode", [encode_jpeg, encode_webp])
def test_quality_trades_size_for_loss(photo, encode):
    poor, good = encode(photo, quality=20), encode(photo, quality=95)
    assert len(poor) < len(good)
    loss = [np.abs(decode(data).astype(int) - photo).mean() for data in (poor, good)]
    assert loss[0] > loss[1]


def test_grey_pixels_are_written_too(photo):
    assert np.array_equal(decode(encode_png(photo[..., 1].copy()))[..., 0], photo[..., 1])


def where(pixels):
    """Top, bottom, left and right of what is not white."""
    rows, columns = np.nonzero((pixels < 200).any(axis=-1))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_text_is_drawn_on_a_copy_by_size_anchor_and_colour():
    white = np.full((60, 120, 3), 255, np.uint8)
    small, large = draw_text(white, (60, 30), "Hg", size=10), draw_text(white, (60, 30), "Hg", size=24)
    assert (white == 255).all()
    assert where(large)[1] - where(large)[0] > where(small)[1] - where(small)[0]
    assert where(small)[2] >= 60
    assert where(draw_text(white, (60, 30), "Hg", anchor="ra"))[3] <= 60
    middle = where(draw_text(white, (60, 30), "H", size=20, anchor="mm"))
    assert abs((middle[2] + middle[3]) / 2 - 60) <= 2
    red = draw_text(white, (10, 10), "H", size=30, color=(255, 0, 0))
    assert (red[..., 0] == 255).all()
    assert red[..., 1].min() == 0
    assert len(np.unique(red[..., 1])) > 3  # antialiased


@pytest.mark.parametrize(
    "text", ["", "line\nbreak\t\0", "画像 🙂", "\udce9", "ünïcødé", "x" * 5000, "\u202eright to left"]
)
def test_no_text_is_too_odd(text):
    white = np.full((20, 60, 3), 255, np.uint8)
    drawn = draw_text(white, (2, 2), text)
    assert drawn.shape == white.shape
    assert (drawn == 255).all() == (not text)


def test_accents_are_left_out_rather_than_shown_as_boxes():
    white = np.full((30, 90, 3), 255, np.uint8)
    assert np.array_equal(draw_text(white, (2, 2), "Küche"), draw_text(white, (2, 2), "Kuche"))
