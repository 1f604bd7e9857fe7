"""Pixels → files: JPEG, PNG and WebP, written whole or not at all, and text drawn on pixels."""

import contextlib
import io
import os
import tempfile
import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lookalike.errors import LookalikeError, SettingError

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_ANCHORS = {a + b for a in "lmr" for b in "ams"}


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 85) -> bytes:
    """Pixels (h, w, 3) or (h, w), uint8, as a JPEG file; a larger quality (1 to 95) is a larger file with less loss."""
    if not 1 <= quality <= 95:
        raise SettingError(f"quality is {quality}; expected 1 to 95.")
    return jpeg_bytes(_image(pixels), quality)


def encode_webp(pixels: NDArray[np.uint8], quality: int = 80) -> bytes:
    """Pixels (h, w, 3) or (h, w), uint8, as a WebP file; a larger quality is a larger file with less loss.

    SettingError for a quality that is not 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise SettingError(f"quality is {quality}; expected 1 to 100.")
    return _encoded(_image(pixels), "WEBP", quality=quality, method=2)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels (h, w, 3) or (h, w), uint8, as a PNG file, without loss."""
    return _encoded(_image(pixels), "PNG")


def jpeg_bytes(image: Image.Image, quality: int) -> bytes:
    """An RGB or grey Pillow image as a JPEG file."""
    return _encoded(image, "JPEG", quality=quality)


def write_image(pixels: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write pixels (h, w, 3) or (h, w), uint8, as JPEG, PNG or WebP by the ending of `path`; whole or not at all.

    An existing file is replaced in one step. JPEG and WebP are written with quality 90.

    Raises
    ------
    SettingError
        The ending or the pixels' shape or dtype cannot be used.
    LookalikeError
        The file could not be written.
    """
    target = Path(path)
    name = _FORMATS.get(target.suffix.lower())
    if name is None:
        raise SettingError(f"{target} ends in {target.suffix or 'nothing'}; expected one of {', '.join(_FORMATS)}.")
    data = _encoded(_image(pixels), name, **({} if name == "PNG" else {"quality": 90}))
    try:
        _write_whole(data, target)
    except OSError as error:
        raise LookalikeError(f"{target} could not be written: {error.strerror or error}.") from error


def draw_text(
    pixels: NDArray[np.uint8],
    xy: tuple[float, float],
    text: str,
    *,
    size: float = 14,
    color: tuple[int, int, int] = (0, 0, 0),
    anchor: str = "la",
) -> NDArray[np.uint8]:
    """A copy of the pixels with one line of text on it, antialiased, in Pillow's own font.

    Parameters
    ----------
    pixels : uint8 (h, w, 3)
    xy : (float, float)
        Where the anchor lies, in pixels from the left and from the top; text beyond the edges is cut off.
    text : str
        Line breaks and control characters become blanks. The font has basic Latin letters: accents are left out, what
        else it lacks shows as a box.
    size : float
        The height of a line in pixels; larger is larger.
    color : (int, int, int)
        Red, green, blue, 0 to 255.
    anchor : str
        What of the text lies at `xy`: l, m or r (left, middle, right) and a, m or s (top, middle, baseline).

    Returns
    -------
    uint8 (h, w, 3)
    """
    if anchor not in _ANCHORS:
        raise SettingError(f"anchor is {anchor!r}; expected one of {', '.join(sorted(_ANCHORS))}.")
    if size < 1:
        raise SettingError(f"size is {size}; expected at least 1 pixel.")
    image = _image(pixels).convert("RGB")
    letters = unicodedata.normalize("NFKD", text.encode("utf-8", "replace").decode("utf-8"))
    line = "".join(c if c.isprintable() else " " for c in letters if not unicodedata.combining(c))
    if line:
        ImageDraw.Draw(image).text(xy, line, fill=color, font=_font(size), anchor=anchor)
    return np.array(image)


@lru_cache(maxsize=16)
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    grey, rgb = pixels.ndim == 2, pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (grey or rgb) or not pixels.size:
        raise SettingError(f"The pixels are {pixels.dtype} {pixels.shape}; expected uint8 (h, w, 3) or (h, w).")
    return Image.fromarray(pixels)


def _encoded(image: Image.Image, name: str, **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def _write_whole(data: bytes, target: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:64]}.", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
