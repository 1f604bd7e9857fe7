"""A folder of files becomes pixels: scan, decode, working copy. The only part that opens pictures (Pillow)."""

from lookalike.images.decode import decode
from lookalike.images.folder import decode_folder
from lookalike.images.pixels import Pixels, Thumbnails
from lookalike.images.prepare import FITS, load, load_whole
from lookalike.images.reading import read_stream
from lookalike.images.scan import Scan, scan
from lookalike.images.write import draw_text, encode_jpeg, encode_png, write_image

__all__ = [
    "FITS",
    "Pixels",
    "Scan",
    "Thumbnails",
    "decode",
    "decode_folder",
    "draw_text",
    "encode_jpeg",
    "encode_png",
    "load",
    "load_whole",
    "read_stream",
    "scan",
    "write_image",
]
