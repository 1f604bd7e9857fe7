"""Any of Pillow's modes → RGB as a person sees it: deep greys scaled, transparency over white, profiles applied."""

import contextlib
import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras, scanners and microscopes deliver
_MAX_PROFILE_BYTES = 8 << 20
_PROFILE_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}


def to_rgb(image: Image.Image, at_least: int | None) -> Image.Image:
    """A loaded image of any mode as RGB, reduced by a whole number as long as both sides stay ≥ `at_least`.

    Grey of more than 8 bits is scaled, not clipped: 16-bit by the smallest of 8, 10, 12, 14 and 16 bits that holds its
    largest value, 32-bit and floating point from its smallest to its largest finite value (NaN is black). What is
    transparent shows white. A colour profile that is broken or does not fit the picture is ignored.
    """
    profile = image.info.get("icc_profile")
    image = _shallow(image)
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa") or _has_alpha_palette(image):
        image = image.convert("RGBA")
    elif image.mode == "P":
        image = image.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    image = _reduced(image, at_least)
    if image.mode in ("LA", "RGBA"):
        image = _over_white(image)
    return _through_profile(image, profile)


def _has_alpha_palette(image: Image.Image) -> bool:
    return image.mode == "P" and image.palette is not None and image.palette.mode.endswith("A")


def _shallow(image: Image.Image) -> Image.Image:
    """Greys of 16 and 32 bits and of floating point as 8 bits."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)  # (h, w)
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF") or values.min() < 0 or values.max() > 65535:
        grey = _stretched(values)
    else:
        shift = next(bits for bits in _DEPTHS if int(values.max()) < 2**bits) - 8
        grey = (values >> shift).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(values == transparent, np.uint8(255), grey)
    return Image.fromarray(grey)


def _stretched(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    floats = values.astype(np.float32)
    finite = np.isfinite(floats)
    if not finite.any():
        return np.zeros(floats.shape, np.uint8)
    low, high = (
        float(bound) for bound in (floats.min(where=finite, initial=np.inf), floats.max(where=finite, initial=-np.inf))
    )
    if high == low:
        return np.full(floats.shape, 128, np.uint8)
    half_range = high / 2 - low / 2  # halves: the range itself may exceed what a float32 holds
    scaled = (floats / 2 - low / 2) / np.float32(half_range)
    return np.asarray(np.nan_to_num(scaled * 255, nan=0, posinf=255, neginf=0).round().clip(0, 255), dtype=np.uint8)


def _reduced(image: Image.Image, at_least: int | None) -> Image.Image:
    factor = min(image.size) // at_least if at_least else 1
    return image.reduce(factor) if factor > 1 else image


def _over_white(image: Image.Image) -> Image.Image:
    opaque = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(opaque, mask=opaque.getchannel("A"))
    return white


def _through_profile(image: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes) and 0 < len(profile) <= _MAX_PROFILE_BYTES:
        transform = _transform(profile, image.mode)
        if transform is not None:
            with contextlib.suppress(ImageCms.PyCMSError):
                return ImageCms.applyTransform(image, transform) or image.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a picture's profile to sRGB; None when there is nothing to do or the profile is of no use."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _PROFILE_SPACES.get(mode):
            return None
        if "sRGB" in (source.profile.profile_description or ""):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
