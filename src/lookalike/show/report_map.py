"""What the report's map shows: points, file names, and thumbnails in a few large JPEGs."""

from base64 import b64encode
from typing import Any

import numpy as np

from lookalike.images import encode_jpeg
from lookalike.pipeline import Library
from lookalike.show.palette import colour
from lookalike.show.placing import by_typicality, fitted
from lookalike.show.sheet import resized

MOST_POINTS = 20_000
"""Images on the map of a report; of more, the most typical of each cluster."""
MOST_THUMBNAILS = 6_000
"""Images with a thumbnail on the map: the most typical of each cluster."""
TILE, TILES_ACROSS = 64, 32
QUALITY = 74


def map_data(library: Library) -> dict[str, Any]:
    """For the report's script, as JSON can hold it: the images in order of typicality, those with thumbnails first.

    x, y: places on the map, uint16 from 0 (left, top) to 65535. cluster: int16. clusters: name, colour and middle, x
    and y, of each. sizes: width and height, uint8, of each thumbnail in its tile. tiles: JPEGs of 32 × 32 square tiles
    of ``tile`` pixels. All arrays and JPEGs are base64.
    """
    shown = by_typicality(library)[:MOST_POINTS]
    places = fitted(np.array(library.layout), 65_536, margin=3_000, stretch=1.4)
    tiles, sizes = _tiles(library, shown[:MOST_THUMBNAILS])
    clusters = library.clusters
    names = {**library.cluster_names, **({-1: "none"} if (clusters < 0).any() else {})}
    return {
        "x": _packed(np.clip(places[shown, 0], 0, 65_535).astype("<u2")),
        "y": _packed(np.clip(places[shown, 1], 0, 65_535).astype("<u2")),
        "cluster": _packed(clusters[shown].astype("<i2")),
        "files": library.file_names[shown].tolist(),
        "clusters": {
            str(number): [name, colour(number), *_middle(places[clusters == number])]
            for number, name in sorted(names.items())
        },
        "tile": TILE,
        "across": TILES_ACROSS,
        "sizes": _packed(sizes),
        "tiles": tiles,
    }


def _middle(places: np.ndarray) -> list[int]:
    return [int(value) for value in np.median(places, 0)] if len(places) else [0, 0]


def _tiles(library: Library, rows: np.ndarray) -> tuple[list[str], np.ndarray]:
    sizes = np.zeros((len(rows), 2), np.uint8)
    sheets = []
    for start in range(0, len(rows), TILES_ACROSS**2):
        part = rows[start : start + TILES_ACROSS**2]
        lines = -(-len(part) // TILES_ACROSS)
        sheet = np.full((lines * TILE, TILES_ACROSS * TILE, 3), 240, np.uint8)
        for number, row in enumerate(part):
            picture = resized(library.thumbnail(int(row)), TILE)
            height, width = picture.shape[:2]
            line, column = divmod(number, TILES_ACROSS)
            sheet[line * TILE : line * TILE + height, column * TILE : column * TILE + width] = picture
            sizes[start + number] = width, height
        sheets.append(b64encode(encode_jpeg(sheet, QUALITY)).decode())
    return sheets, sizes


def _packed(array: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()
