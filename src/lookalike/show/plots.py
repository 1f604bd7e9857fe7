"""The map, and layouts side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lookalike.errors import SettingError
from lookalike.images import write_image
from lookalike.pipeline import Library
from lookalike.show.destination import destination
from lookalike.show.palette import FAINT_INK, PAPER, colour, rgb
from lookalike.show.placing import Mosaic, by_typicality, fitted, mosaic
from lookalike.show.sheet import Sheet, resized

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
TITLES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
MOST_NAMES = 60
"""Clusters whose names are written on a map: the largest."""


def draw_map(library: Library, path: str | Path, *, size: int = 2000) -> Path:
    """Draws the map with thumbnails, framed in the colours of their clusters: PNG, JPEG or WebP by the ending.

    Where more images lie than there is room for, the ones most typical of their clusters are shown; the others are
    dots beneath. The names of the clusters lie at their centres. ``size`` is the longest that a side may be, in pixels,
    at least 200; a larger map shows larger thumbnails. 50,000 images take seconds.

    Raises
    ------
    SettingError
        The place or the size cannot be used.
    LibraryError
        The library has no map or no clusters yet.
    """
    target = destination(library, path, PICTURES)
    if not 200 <= size <= 20_000:
        raise SettingError(f"size={size} cannot be used; expected pixels from 200 to 20000")
    write_image(map_pixels(library, size), target)
    return target


def map_pixels(library: Library, size: int) -> np.ndarray:
    """The map as `draw_map` draws it: uint8 (height, width, 3), ``size`` at most, without empty paper around it."""
    return trimmed(square_map(library, size), round(size * 0.03))


def trimmed(pixels: np.ndarray, rim: int) -> np.ndarray:
    """What of pixels (h, w, 3) is not paper, with a rim of at most so many around it."""
    spans = []
    for axis in (1, 0):
        inked = np.flatnonzero((pixels != np.array(PAPER, np.uint8)).any(axis=(axis, 2)))
        first, last = (inked[0], inked[-1]) if len(inked) else (0, pixels.shape[1 - axis] - 1)
        spans.append(slice(max(0, first - rim), last + 1 + rim))
    return pixels[tuple(spans)]


def square_map(library: Library, size: int) -> np.ndarray:
    """The map with the paper around it: uint8 (size, size, 3)."""
    sheet = Sheet(size, size)
    places = fitted(np.array(library.layout), size, margin=round(size * 0.055), stretch=1.4)
    shown = mosaic(places, by_typicality(library), size)
    others = np.setdiff1d(np.arange(len(places)), shown.rows)
    diameter = size * float(np.clip(0.2 / len(places) ** 0.5, 0.0025, 0.006))
    sheet.dots(places[others], [colour(number) for number in library.clusters[others]], diameter, opacity=0.75)
    _place_thumbnails(sheet, library, shown)
    _write_names(sheet, library, places)
    return sheet.pixels()


def draw_comparison(library: Library, path: str | Path, projections: Sequence[str] = ("pca", "tsne")) -> Path:
    """Draws the layouts of one library side by side, a dot for each image in the colour of its cluster.

    When the folder's sub-folders give labels, a second row shows the same layouts in the colours of these. A layout
    that is not the library's own is computed (t-SNE and UMAP take minutes for 50,000 images) and not kept.

    Raises
    ------
    SettingError
        The place cannot be used, or a projection is unknown or none is named.
    LibraryError
        The library has no map or no clusters yet.
    """
    target = destination(library, path, PICTURES)
    if not projections:
        raise SettingError("projections names no layout; expected some of pca, tsne, umap")
    layouts = {name: _layout(library, name) for name in projections}
    names = library.cluster_names
    last = max(names, default=-1)
    rows = {"clusters": (library.clusters, [names.get(number, "") for number in range(last + 1)])}
    codes, labels = pd.factorize(library.images["label"], sort=True)
    if len(labels) > 1:
        rows["labels"] = (codes, [str(label) for label in labels])
    write_image(_side_by_side(layouts, rows), target)
    return target


def _place_thumbnails(sheet: Sheet, library: Library, shown: Mosaic) -> None:
    clusters = library.clusters
    thickness = max(1, round(shown.cell / 24))
    side = shown.cell - 2 * thickness - max(1, round(shown.cell / 40))
    offset = (sheet.width - sheet.width // shown.cell * shown.cell) / 2
    for row, cell in zip(shown.rows, shown.cells, strict=True):
        thumbnail = resized(library.thumbnail(int(row)), side)
        height, width = thumbnail.shape[:2]
        left, top = np.round(offset + (cell + 0.5) * shown.cell - np.array([width, height]) / 2).astype(int)
        sheet.place(thumbnail, int(left), int(top), frame=rgb(int(clusters[row])), thickness=thickness)


def _write_names(sheet: Sheet, library: Library, places: np.ndarray) -> None:
    """Each cluster's name at the median of its images, moved up or down where it would lie on another's."""
    clusters = library.clusters
    height = sheet.width * (0.0135 if len(library.cluster_names) <= 20 else 0.0105)
    written: list[tuple[float, float, float]] = []
    for number, name in sorted(library.cluster_names.items())[:MOST_NAMES]:
        members = places[clusters == number]
        if not len(members):
            continue
        text = sheet.shortened(name, sheet.width * 0.2, height)
        half = sheet.width_of(text, height, "bold") / 2 + height
        x, y = np.median(members, 0)
        x = float(np.clip(x, half, sheet.width - half))
        y = _free_line(float(y), x, half, height * 2.4, written)
        written.append((x, y, half))
        sheet.text(text, x, y, size=height, weight="bold", ha="center", va="center", box=colour(number))


def _free_line(y: float, x: float, half: float, step: float, written: list[tuple[float, float, float]]) -> float:
    """The height nearest to ``y`` at which a name that reaches from x − half to x + half lies on no other."""
    for shift in sorted(range(-14, 15), key=abs):
        tried = y + shift * step / 2
        if all(abs(tried - v) >= step or abs(x - u) >= half + other for u, v, other in written):
            return tried
    return y


def _layout(library: Library, name: str) -> np.ndarray:
    return np.array(library.layout) if name == library.settings.projection else library.project(name)


def _side_by_side(layouts: dict[str, np.ndarray], rows: dict[str, tuple[np.ndarray, list[str]]]) -> np.ndarray:
    """A panel for each layout, a line of panels for each way of colouring, and beside each line what colours mean."""
    panel, head, gap, legend = 800, 90, 40, 300
    sheet = Sheet(len(layouts) * (panel + gap) + gap + legend, len(rows) * (panel + head) + gap)
    for line, (coloured_by, (numbers, names)) in enumerate(rows.items()):
        top = line * (panel + head)
        for column, (name, layout) in enumerate(layouts.items()):
            left, title = gap + column * (panel + gap), TITLES.get(name, name)
            sheet.text(title, left + 20, top + 62, size=30, weight="bold")
            beside = left + 36 + sheet.width_of(title, 30, "bold")
            sheet.text(f"colours are {coloured_by}", beside, top + 62, size=20, colour=FAINT_INK)
            diameter = float(np.clip(150 / len(layout) ** 0.5, 2.5, 10))
            sheet.frame(left, top + head, panel, panel)
            places = fitted(layout, panel, margin=20) + np.array([left, top + head])
            sheet.dots(places, [colour(int(number)) for number in numbers], diameter, opacity=0.8)
        write_legend(sheet, names, sheet.width - legend, top + head + 20)
    return sheet.pixels()


def write_legend(sheet: Sheet, names: list[str], left: int, top: int, most: int = 26) -> None:
    """What the colours of clusters or labels mean, a line each, from the upper left corner ``left``, ``top``."""
    for number, name in enumerate(names[:most]):
        y = top + 28 * number
        sheet.dots(np.array([[left + 8, y]]), [colour(number)], 13)
        sheet.text(sheet.shortened(name, 250, 18), left + 26, y, size=18, va="center")
    if len(names) > most:
        sheet.text(f"and {len(names) - most} more", left + 26, top + 28 * most, size=18, colour=FAINT_INK, va="center")
