"""Which files are pictures: by their ending, by their first bytes, and what to say of the kinds that are not read."""

import importlib.util
import re
from functools import cache

# Pillow's names (its JPEG reads MPO too); nothing that starts another program (EPS, WMF), no rarely tested parsers
READ_FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "CUR", "ICNS",
    "DDS", "PSD", "PCX", "QOI", "SGI", "SUN", "XBM", "XPM", "TGA",
)  # fmt: skip

_READ = (
    "jpg jpeg jpe jfif jif mpo png apng webp gif bmp dib tif tiff avif avifs jp2 j2k jpc jpf jpx j2c ppm pgm pbm pnm "
    "pfm ico cur icns dds psd pcx qoi sgi rgb rgba bw ras sun xbm xpm tga icb vda vst"
)
_HEIC_NAMES = "heic heif hif heics heifs"
READ_ENDINGS = frozenset(_READ.split())
HEIC_ENDINGS = frozenset(_HEIC_NAMES.split())

_RAW = "a raw camera file, which is not read: convert it to JPEG or TIFF"
_VECTOR = "a vector drawing, which is not read: save it as PNG"
_INSTRUMENT = "a file of an instrument's own format, which is not read: export it as TIFF or PNG"
_EDITOR = "a file of an image editor or a rare format, which is not read: save it as PNG or JPEG"
HEIC_ADVICE = "a HEIC picture: to read it, pip install 'lookalike[heic]'"
_ADVICE = {
    _RAW: "cr2 cr3 crw nef nrw arw srf sr2 dng orf rw2 raf pef srw 3fr fff iiq erf mef mos mrw rwl x3f",
    _VECTOR: "svg svgz eps epsf ai wmf emf cdr",
    _INSTRUMENT: "czi lif lsm nd2 oib oif svs ndpi mrxs scn vsi dcm dicom nii fits fit fts",
    _EDITOR: "xcf kra ora psb jxl jxr wdp hdp exr hdr djvu flif bpg",
}
UNREAD_ENDINGS = {ending: advice for advice, endings in _ADVICE.items() for ending in endings.split()}

HEAD_BYTES = 64
_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("GIF", rb"GIF8[79]a"),
        ("WEBP", rb"RIFF....WEBPVP8"),
        ("TIFF", rb"II[*+]\0|MM\0[*+]"),
        ("AVIF", rb"....ftypavi[fs]|....ftyp(mif1|msf1).{4}.{0,32}avif"),
        ("HEIC", rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)"),
        ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        ("JPEG2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
        ("PSD", rb"8BPS\0\x01"),
        ("DDS", rb"DDS \x7c\0\0\0"),
        ("QOI", rb"qoif"),
        ("ICNS", rb"icns\0"),
        ("ICO", rb"\0\0[\x01\x02]\0[^\0]\0.{3}\0"),
        ("SUN", rb"\x59\xa6\x6a\x95"),
        ("SGI", rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]"),
        ("PPM", rb"P[1-6]\s(\d+\s+\d+\s|#)"),
        ("XPM", rb"/\* XPM \*/"),
        ("XBM", rb"#define\s+\w*_width\s+\d"),
    )
)
_NOT_READ = tuple(
    (what, re.compile(pattern, re.DOTALL | re.IGNORECASE))
    for what, pattern in (
        (_EDITOR, rb"\xff\x0a|\0\0\0\x0cJXL |gimp xcf|v/1\x01|AT&TFORM"),
        (_VECTOR, rb"%!PS|\s*<svg|\s*<\?xml[^>]*\?>\s*<svg"),
        ("a web page, not a picture", rb"\s*<(!doctype html|html|head)"),
        ("a PDF document, not a picture", rb"%PDF"),
        ("a video, not a picture", rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI "),
        ("a placeholder of Git LFS, not the picture itself: run git lfs pull", rb"version https://git-lfs"),
        ("nothing but zero bytes", rb"\0{16,}\Z"),
    )
)


@cache
def heic_is_read() -> bool:
    """Whether the extra for HEIC pictures (pillow-heif) is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def ending(name: bytes) -> str:
    """The lower-case ending of a file name without its dot; empty when it has none (``.jpg`` alone has one)."""
    _, dot, last = name.rpartition(b".")
    return last.decode("ascii", "replace").lower() if dot else ""


def sniff(head: bytes) -> str | None:
    """The picture format that the first `HEAD_BYTES` bytes of a file announce, or None."""
    return next((name for name, pattern in _MAGIC if pattern.match(head)), None)


def why_unread(head: bytes) -> str | None:
    """What a file that is no readable picture seems to be, from its first bytes; None when nothing is known."""
    if sniff(head) == "HEIC":
        return None if heic_is_read() else HEIC_ADVICE
    return next((what for what, pattern in _NOT_READ if pattern.match(head)), None)


def advice(name_ending: str) -> str | None:
    """The reason for skipping a file with this ending, or None when it is read or no picture's."""
    if name_ending in HEIC_ENDINGS and not heic_is_read():
        return HEIC_ADVICE
    return UNREAD_ENDINGS.get(name_ending)


def is_picture_ending(name_ending: str) -> bool:
    """Whether files with this ending are candidates whatever they contain."""
    return name_ending in READ_ENDINGS or (name_ending in HEIC_ENDINGS and heic_is_read())
