"""Pictures come out as a person sees them; what is wrong with a file comes out as one readable reason."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from lookalike.errors import ImageError, SettingError
from lookalike.images import decode
from lookalike.images.decode import open_picture


def with_orientation(pixels, orientation, encode, name, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(pixels, name, exif=exif, **options)


def stored_for(pixels, orientation):
    """What a camera stores so that a viewer who obeys the orientation sees `pixels`."""
    turn = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1]}
    if orientation <= 4:
        return np.ascontiguousarray(turn[orientation](pixels))
    transposed = pixels.swapaxes(0, 1)  # rows and columns change places
    return np.ascontiguousarray({5: turn[1], 6: turn[4], 7: turn[3], 8: turn[2]}[orientation](transposed))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})]
)
def test_every_orientation_shows_the_same_picture(photo, encode, orientation, name, options):
    data = with_orientation(stored_for(photo, orientation), orientation, encode, name, **options)
    seen = decode(data)
    assert seen.shape == photo.shape
    assert np.abs(seen.astype(int) - photo).max() <= (24 if name == "JPEG" else 0)
    picture = open_picture(data, 8)
    assert (picture.width, picture.height) == (90, 60)


def test_reduced_pictures_keep_orientation_and_full_size(photo, encode):
    large = photo.repeat(10, axis=0).repeat(10, axis=1)
    data = with_orientation(stored_for(large, 6), 6, encode, "JPEG", quality=95)
    picture = open_picture(data, 60)
    assert (picture.width, picture.height) == (900, 600)
    assert picture.image.size == (113, 75)
    coarse = np.asarray(picture.image.resize((90, 60)), int)
    assert np.abs(coarse - photo).mean() < 6


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("at_least", [1, 17, 60, 61, 1000])
def test_at_least_is_a_lower_bound(photo, encode, name, at_least):
    seen = decode(encode(photo, name), at_least=at_least)
    assert min(seen.shape[:2]) >= min(at_least, 60)
    assert at_least != 1 or min(seen.shape[:2]) < 60  # and it does reduce


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF", "PPM", "TGA", "ICO", "PCX", "SGI", "DDS", "QOI"])
def test_lossless_formats_are_exact(photo, encode, name):
    square = np.ascontiguousarray(photo[:48, :48])
    options = {"sizes": [(48, 48)]} if name == "ICO" else {}
    assert np.array_equal(decode(encode(square, name, **options)), square)


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_are_close(photo, encode, name):
    assert np.abs(decode(encode(photo, name)).astype(int) - photo).mean() < 8


def test_transparency_lies_over_white(encode):
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0] = [[200, 10, 10, 255], [200, 10, 10, 128], [200, 10, 10, 0]]
    seen = decode(encode(rgba, "PNG"))
    assert seen[0].tolist() == [[200, 10, 10], [227, 132, 132], [255, 255, 255]]
    assert (seen[1] == 255).all()
    grey = Image.fromarray(np.array([[0, 100]], np.uint8))
    grey.putalpha(Image.fromarray(np.array([[0, 255]], np.uint8)))
    assert decode(encode(grey, "PNG"))[0].tolist() == [[255] * 3, [100] * 3]


@pytest.mark.parametrize("name", ["PNG", "GIF"])
def test_transparent_palette_entries_show_white(encode, name):
    image = Image.new("P", (4, 2), 0)
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((0, 0), 1)
    seen = decode(encode(image, name, transparency=0))
    assert seen[0, 0].tolist() == [200, 100, 0]
    assert (seen[1] == 255).all()


@pytest.mark.parametrize(("mode", "color", "key"), [("L", 7, 7), ("RGB", (1, 2, 3), (1, 2, 3))])
def test_a_colour_key_shows_white(encode, mode, color, key):
    assert (decode(encode(Image.new(mode, (3, 3), color), "PNG", transparency=key)) == 255).all()


def test_reduction_does_not_bleed_what_is_hidden(encode):
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[..., 0], rgba[:, ::2, 3], rgba[:, ::2, 0] = 255, 255, 0  # hidden red between visible black
    seen = decode(encode(rgba, "PNG"), at_least=10)
    assert np.ptp(seen, axis=-1).max() <= 2


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_sixteen_bit_gradients_stay_gradients(encode, name, bits):
    gradient = np.linspace(0, 2**bits - 1, 256).round().astype(np.uint16)[None].repeat(4, axis=0)
    seen = decode(encode(gradient, name))
    assert np.abs(seen[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert (seen[..., :1] == seen).all()


def test_big_endian_and_pgm_sixteen_bit(encode):
    gradient = np.arange(0, 65536, 256, np.uint16)[None]
    pgm = b"P5 256 1 65535\n" + gradient.astype(">u2").tobytes()
    assert np.abs(decode(pgm)[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    big = Image.frombytes("I;16B", (256, 1), gradient.astype(">u2").tobytes())
    assert np.abs(decode(encode(big, "TIFF"))[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_floats_and_long_integers_are_stretched(encode):
    values = np.linspace(-3, 5, 256, dtype=np.float32)[None].copy()
    assert np.abs(decode(encode(values, "TIFF"))[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    longs = (np.arange(256, dtype=np.int32) * 1_000_000 - 10_000_000)[None]
    assert np.abs(decode(encode(longs, "TIFF"))[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_not_a_number_is_black_and_infinity_white(encode):
    values = np.array([[np.nan, np.inf, -np.inf, 0, 1, 2]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(encode(values, "TIFF"))[0, :, 0].tolist() == [0, 255, 0, 0, 128, 255]
        assert not decode(encode(np.full((2, 2), np.nan, np.float32), "TIFF")).any()
        extremes = np.array([[np.finfo(np.float32).min, np.finfo(np.float32).max]])
        assert decode(encode(extremes, "TIFF"))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB"])
def test_colour_modes_show_the_same_picture(photo, encode, mode):
    image = Image.fromarray(photo)
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    else:
        image = image.convert(mode)
    expected = photo if mode in ("P", "CMYK", "YCbCr", "LAB") else np.asarray(image.convert("RGB"))
    seen = decode(encode(image, "TIFF", **({} if mode == "P" else {"compression": None})))
    assert np.abs(seen.astype(int) - expected).mean() < (16 if mode == "P" else 4)


def test_cmyk_jpeg_is_not_a_negative(photo, encode):
    data = encode(Image.fromarray(photo).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode(data).astype(int) - photo).mean() < 8


def swapped_profile():
    """An RGB profile whose red and green matrix columns have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))


def test_colour_profiles_are_applied_and_broken_ones_ignored(photo, encode):
    plain = decode(encode(photo, "PNG"))
    swapped = decode(encode(photo, "PNG", icc_profile=swapped_profile()))
    assert np.abs(swapped.astype(int) - plain[..., [1, 0, 2]]).mean() < 3
    for broken in (b"nonsense", swapped_profile()[:200], bytes(300)):
        assert np.array_equal(decode(encode(photo, "PNG", icc_profile=broken)), plain)
    grey = Image.fromarray(photo).convert("L")
    assert np.array_equal(
        decode(encode(grey, "PNG", icc_profile=swapped_profile())), np.asarray(grey.convert("RGB"))
    ), "an RGB profile does not fit a grey picture"


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_of_many_pictures_counts(photo, encode, name):
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (250, 120, 0)]
    data = encode(frames[0], name, save_all=True, append_images=frames[1:])
    assert np.abs(decode(data).astype(int) - 250).max() <= 2


def refused(data, **options):
    with pytest.raises(ImageError) as caught:
        decode(data, **options)
    message = str(caught.value)
    assert len(message) < 160
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_files_are_refused(photo, encode, name, kept):
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8)
    data = encode(noise, name)
    assert decode(data).shape == photo.shape
    message = refused(data[: int(len(data) * kept)])
    assert message.startswith(("truncated", "damaged"))
    assert name not in ("JPEG", "PNG", "BMP") or message == "truncated: the file ends early"


def test_a_users_pillow_settings_neither_matter_nor_change(photo, encode, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = encode(photo, "JPEG")
    assert decode(data).shape == photo.shape
    assert "truncated" in refused(data[: len(data) // 2])
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 10)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"just some text", "cannot identify the format"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "vector drawing"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(5000), "zero bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "begins like PNG"),
    ],
)
def test_what_is_no_picture_is_said(data, why):
    assert why in refused(data)


def png(width, height, *chunks, bits=1):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*c) for c in chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [14_000, 30_000])
def test_pictures_of_too_many_pixels_are_refused_before_decoding(side):
    data = png(side, side, (b"IDAT", zlib.compress(bytes(side * (side // 8 + 1)), 9)))
    assert "too large" in refused(data)
    assert "too large" in refused(data, at_least=64)


def test_pictures_that_need_too_much_memory_are_refused_without_a_warning():
    data = png(12_000, 12_000, (b"IDAT", b""), bits=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "MiB" in refused(data)


def test_text_bombs_are_refused():
    bomb = b"Comment\0\0" + zlib.compress(bytes(50 << 20), 9)
    assert "text inside the PNG" in refused(png(8, 8, (b"zTXt", bomb), (b"IDAT", zlib.compress(bytes(16)))))


def test_a_huge_jpeg_is_read_by_reduction(encode):
    data = encode(Image.new("L", (14_000, 14_000), 90), "JPEG", quality=30)
    assert decode(data, at_least=400).shape == (438, 438, 3)


def test_at_least_must_be_positive(photo, encode):
    with pytest.raises(SettingError, match="at_least is 0"):
        decode(encode(photo, "PNG"), at_least=0)


def test_heic_is_read_when_its_extra_is_installed(photo):
    heif = pytest.importorskip("pillow_heif", reason="the extra [heic] is not installed")
    stream = io.BytesIO()
    heif.from_pillow(Image.fromarray(photo)).save(stream, quality=90)
    assert np.abs(decode(stream.getvalue()).astype(int) - photo).mean() < 8
