"""Encoded bytes → RGB pixels the right way up, within bounds; whatever is wrong with a file becomes one reason.

A picture that ends early is refused rather than shown half grey: nobody wants to find their truncated files as one
cluster. Animations and documents of many pages give their first picture.
"""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from lookalike.errors import ImageError, SettingError
from lookalike.images.colour import to_rgb
from lookalike.images.formats import HEAD_BYTES, READ_FORMATS, heic_is_read, sniff, why_unread

MAX_BYTES = 512 << 20  # of decoded pixels, with what Pillow needs to get there
MAX_PIXELS = 178_956_970  # Pillow's own limit
MAX_JPEG_PIXELS = 268_435_456  # read at a half, a quarter or an eighth, so more is harmless

_BYTES_PER_PIXEL = {"1": 2, "L": 1, "P": 5, "I;16": 5, "I;16B": 5, "I;16L": 5, "I": 13, "F": 13}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_pillow_lock = threading.RLock()


@dataclass(frozen=True)
class Picture:
    """A decoded picture: RGB the right way up, perhaps reduced, with the size that it has unreduced."""

    image: Image.Image
    width: int
    height: int


def decode(data: bytes, *, at_least: int | None = None) -> NDArray[np.uint8]:
    """Decode a picture from the bytes of its file, as a person would see it.

    Orientation and colour profile are applied, transparency is laid over white, greys of 16 and more bits are scaled
    to 8. JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, TGA, ICO, DDS, PSD and some older formats are read;
    HEIC with ``pip install 'lookalike[heic]'``.

    Parameters
    ----------
    data : bytes
        The whole file.
    at_least : int, optional
        Decode at a reduced size as long as the shorter side stays at least so many pixels; quicker, and the only way
        to read very large JPEGs. By default the full size.

    Returns
    -------
    uint8 array (height, width, 3), RGB

    Raises
    ------
    ImageError
        With the reason: no picture, damaged, truncated, larger than the limits (179 megapixels, JPEG 268; 512 MiB
        decoded).
    """
    if at_least is not None and at_least < 1:
        raise SettingError(f"at_least is {at_least}; expected at least 1 pixel, or None for the full size.")
    return np.array(open_picture(data, at_least).image)


def open_picture(data: bytes, at_least: int | None) -> Picture:
    """As `decode`, but leaves the picture in Pillow's hands and tells its full size."""
    if not data:
        raise ImageError("the file is empty")
    try:
        with settled_pillow(MAX_JPEG_PIXELS if sniff(data[:HEAD_BYTES]) == "JPEG" else MAX_PIXELS):
            return _decoded(data, at_least)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever their parsers stumble over
        raise ImageError(reason(error, data)) from error


def header_size(file: IO[bytes]) -> tuple[int, int]:
    """Width and height by a picture's header, as it lies in the file; ImageError when that tells none."""
    try:
        with settled_pillow(MAX_JPEG_PIXELS), Image.open(file, formats=_formats()) as image:
            return image.size
    except Exception as error:  # as in `open_picture`
        raise ImageError(reason(error, b"")) from error


def _decoded(data: bytes, at_least: int | None) -> Picture:
    image = Image.open(io.BytesIO(data), formats=_formats())
    full = image.size
    if at_least and isinstance(image, JpegImageFile):
        image.draft(None, (at_least, at_least))
    reduced = image.size != full
    _check_memory(image, full)
    image.load()
    if not reduced:
        full = image.size  # icons tell their size only now
    turn = _UPRIGHT.get(_orientation(image))
    rgb = to_rgb(image, at_least)
    if turn is None:
        return Picture(rgb, *full)
    sideways = turn not in (_UPRIGHT[2], _UPRIGHT[3], _UPRIGHT[4])
    return Picture(rgb.transpose(turn), *(full[::-1] if sideways else full))


def _check_memory(image: Image.Image, full: tuple[int, int]) -> None:
    needed = image.width * image.height * _BYTES_PER_PIXEL.get(image.mode, 4)
    if isinstance(image, JpegImageFile) and image.info.get("progressive"):
        needed += full[0] * full[1] * 2 * _samples_per_pixel(image)
    if needed > MAX_BYTES:
        raise ImageError(f"too large: {full[0]} × {full[1]} pixels need more than {MAX_BYTES >> 20} MiB")


def _samples_per_pixel(image: JpegImageFile) -> int:
    """The coefficients that libjpeg keeps of a progressive picture, per pixel (rounded up)."""
    factors = [(h, v) for _, h, v, _ in image.layer]
    most = max(h for h, _ in factors) * max(v for _, v in factors)
    return -(-sum(h * v for h, v in factors) // max(most, 1))


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a broken EXIF block is no reason to lose the picture
        return None


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    built_in = tuple(name for name in READ_FORMATS if name in Image.OPEN)
    if not heic_is_read():
        return built_in
    import pillow_heif

    pillow_heif.register_heif_opener()
    return (*built_in, "HEIF")


@contextlib.contextmanager
def settled_pillow(max_pixels: int) -> Iterator[None]:
    """Pillow's global settings as this part needs them, whatever the user's program has set; put back afterwards.

    A picture of more than `max_pixels` raises Pillow's `DecompressionBombError` when it is opened.
    """
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = max_pixels // 2, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def reason(error: Exception, data: bytes) -> str:
    """Why a picture could not be decoded, in one short line."""
    text = " ".join(str(error).split())
    if isinstance(error, UnidentifiedImageError):
        seems = why_unread(data[:HEAD_BYTES])
        if seems is None and sniff(data[:HEAD_BYTES]):
            return f"damaged: it begins like {sniff(data[:HEAD_BYTES])}, but its header cannot be read"
        return f"not a picture that can be read ({seems or 'cannot identify the format'})"
    if isinstance(error, Image.DecompressionBombError):
        return "too large: more pixels than the limit of 179 megapixels (268 for JPEG)"
    if isinstance(error, MemoryError):
        return "too large: decoding it needs more memory than one picture may use"
    if "MAX_TEXT" in text:
        return "the text inside the PNG expands beyond the limit"
    if isinstance(error, EOFError) or any(word in text.lower() for word in ("truncated", "not enough", "end of file")):
        return "truncated: the file ends early"
    return f"damaged: {text[:120] or type(error).__name__}"
