"""A folder of files becomes pixels: scan, decode, working copy. The only part that opens pictures (Pillow)."""

from lookalike.images.atlas import Atlas
from lookalike.images.decode import decode
from lookalike.images.folder import Earlier, Recipe, decode_by, decode_folder, is_copy
from lookalike.images.pixels import Pixels, Thumbnails
from lookalike.images.prepare import FITS, load, load_whole
from lookalike.images.reading import hash_of, open_regular, read_stream, read_whole
from lookalike.images.scan import Scan, scan
from lookalike.images.shards import VERSION as COPY_VERSION
from lookalike.images.shards import decoded_so_far
from lookalike.images.sides import typical_side
from lookalike.images.write import draw_text, encode_jpeg, encode_png, encode_webp, write_image

__all__ = [
    "COPY_VERSION",
    "FITS",
    "Atlas",
    "Earlier",
    "Pixels",
    "Recipe",
    "Scan",
    "Thumbnails",
    "decode",
    "decode_by",
    "decode_folder",
    "decoded_so_far",
    "draw_text",
    "encode_jpeg",
    "encode_png",
    "encode_webp",
    "hash_of",
    "is_copy",
    "load",
    "load_whole",
    "open_regular",
    "read_stream",
    "read_whole",
    "scan",
    "typical_side",
    "write_image",
]
