"""A picture → the square that models see, and its thumbnail; the same way for the working copy and for a query."""

import os
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import ImageError, SettingError
from lookalike.images.decode import open_picture
from lookalike.images.reading import hash_of, read_stream, read_whole
from lookalike.images.shards import MAX_SIZE
from lookalike.images.write import jpeg_bytes

THUMBNAIL_SIZE = 128
THUMBNAIL_QUALITY = 85
FITS = ("squash", "pad", "crop")
_RESAMPLING = Image.Resampling.BILINEAR  # with Pillow's widened kernel: antialiased, no ringing
_REDUCING_GAP = 2.0


@dataclass(frozen=True)
class Prepared:
    """What the working copy keeps of one picture: pixels (size, size, 3), a JPEG thumbnail, the full size as seen."""

    pixels: NDArray[np.uint8]
    thumbnail: bytes
    width: int
    height: int


def prepare(data: bytes, *, size: int, fit: str) -> Prepared:
    """Decode a picture once for both its square of `size` pixels a side and its thumbnail.

    Raises `ImageError` with the reason when it cannot be decoded.
    """
    picture = open_picture(data, _at_least(size))
    thumbnail = picture.image.copy()
    thumbnail.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE), _RESAMPLING, reducing_gap=_REDUCING_GAP)
    return Prepared(
        pixels=_square(picture.image, size, fit),
        thumbnail=jpeg_bytes(thumbnail, THUMBNAIL_QUALITY),
        width=picture.width,
        height=picture.height,
    )


def load(
    source: str | os.PathLike[str] | bytes | IO[bytes] | NDArray[np.uint8], *, size: int, fit: str = "squash"
) -> NDArray[np.uint8]:
    """Read a query image exactly as `decode_folder` reads the images of a folder.

    Parameters
    ----------
    source : path, bytes, binary stream or uint8 array
        A file's path, its content, a stream of it (stdin), or pixels (h, w, 3) RGB or (h, w) grey.
    size : int
        Pixels a side of the result, at least 1.
    fit : {"squash", "pad", "crop"}
        How a picture becomes a square: its sides scaled apart; the whole of it centred on white; its middle.

    Returns
    -------
    uint8 array (size, size, 3)

    Raises
    ------
    ImageError
        The source cannot be read; names the file where there is one.
    SettingError
        `size`, `fit` or an array's shape or dtype cannot be used.
    """
    check_square(size, fit)
    return _square(_opened(source, _at_least(size)), size, fit)


def load_whole(
    source: str | os.PathLike[str] | bytes | IO[bytes] | NDArray[np.uint8],
    *,
    longest: int,
    content_hash: str | None = None,
) -> NDArray[np.uint8]:
    """Read a picture in its own proportions: uint8 (h, w, 3), no side longer than `longest` pixels, never enlarged.

    `source` as for `load`. Raises `ImageError` when it cannot be read, or when it is a file whose content is not the
    one with this `content_hash`; `SettingError` when `longest` is below 1 or an array cannot be used.
    """
    if longest < 1:
        raise SettingError(f"longest is {longest}; expected at least 1 pixel.")
    image = _opened(source, longest, content_hash)
    image.thumbnail((longest, longest), _RESAMPLING, reducing_gap=_REDUCING_GAP)
    return np.array(image)


def check_square(size: int, fit: str) -> None:
    """Raise `SettingError` unless a picture can be made a square of `size` pixels in the way `fit`."""
    if not 1 <= size <= MAX_SIZE:
        raise SettingError(f"size is {size}; expected 1 to {MAX_SIZE} pixels a side.")
    if fit not in FITS:
        raise SettingError(f"fit is {fit!r}; expected one of {', '.join(FITS)}.")


def _opened(
    source: str | os.PathLike[str] | bytes | IO[bytes] | NDArray[np.uint8],
    at_least: int,
    content_hash: str | None = None,
) -> Image.Image:
    """The RGB image, perhaps reduced, of whatever holds a picture."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, (str, os.PathLike)):
        return _from_file(source, at_least, content_hash)
    if isinstance(source, Image.Image):
        raise SettingError("an image of Pillow's was given; expected its file, or numpy.array(image.convert('RGB'))")
    return open_picture(source if isinstance(source, bytes) else read_stream(source), at_least).image


def _from_file(path: str | os.PathLike[str], at_least: int, content_hash: str | None) -> Image.Image:
    try:
        data, _ = read_whole(path)
        if content_hash not in (None, hash_of(data)):
            raise ImageError("the file has changed")
        return open_picture(data, at_least).image
    except ImageError as error:
        raise ImageError(f"{os.fsdecode(path)}: {error}") from error


def _from_array(pixels: NDArray[np.uint8]) -> Image.Image:
    grey, rgb = pixels.ndim == 2, pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (grey or rgb) or not pixels.size:
        raise SettingError(f"The image is {pixels.dtype} {pixels.shape}; expected uint8 (h, w, 3) or (h, w).")
    return Image.fromarray(pixels).convert("RGB")


def _at_least(size: int) -> int:
    return max(size, THUMBNAIL_SIZE)


def _square(image: Image.Image, size: int, fit: str) -> NDArray[np.uint8]:
    """An RGB image as uint8 (size, size, 3)."""
    if fit == "pad":
        return np.array(_padded(image, size))
    box = _centre(image) if fit == "crop" else None
    return np.array(image.resize((size, size), _RESAMPLING, box=box, reducing_gap=_REDUCING_GAP))


def _centre(image: Image.Image) -> tuple[float, float, float, float]:
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return left, top, left + side, top + side


def _padded(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    whole = image.resize((width, height), _RESAMPLING, reducing_gap=_REDUCING_GAP)
    square = Image.new("RGB", (size, size), (255, 255, 255))
    square.paste(whole, ((size - width) // 2, (size - height) // 2))
    return square
