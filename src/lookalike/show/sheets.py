"""Contact sheets: matches, clusters, duplicates, outliers, reconstructions, walks, samples."""

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from lookalike.errors import SettingError
from lookalike.images import load, write_image
from lookalike.pipeline import Library
from lookalike.show.destination import destination
from lookalike.show.palette import FAINT_INK, WHITE, rgb
from lookalike.show.plots import PICTURES
from lookalike.show.sheet import Sheet, resized

Query = str | Path | bytes | IO[bytes] | np.ndarray
SIDE, GAP, MARGIN, LEGEND = 128, 16, 40, 128
MOST_PIXELS, LONGEST_SIDE = 250_000_000, 60_000
"""The largest sheet that is drawn."""
MOST_GROUPS, COLUMNS = 200, 12
"""Of duplicates, groups that are drawn, and images of each."""


def draw_matches(library: Library, queries: Sequence[Query], found: pd.DataFrame, path: str | Path) -> Path:
    """Draws each query and behind it its matches, nearest first, with rank, distance and file name.

    ``found`` is what ``library.find(queries)`` gave for a list of queries (with its column ``query``, numbers from 0),
    or for one query (without). Frames have the colours of the matches' clusters. A query that is the name of an image
    of the library, and of no file here, is drawn by its thumbnail.

    Raises
    ------
    SettingError
        The place cannot be used, or ``found`` does not belong to the queries.
    ImageError
        A query cannot be read.
    """
    target = destination(library, path, PICTURES)
    numbers = found["query"] if "query" in found else pd.Series(0, found.index)
    if not queries or not set(numbers) <= set(range(len(queries))):
        raise SettingError(f"found has matches of {len(set(numbers))} queries, but there are {len(queries)} pictures")
    line = SIDE + 64
    columns = int(found["rank"].max()) if len(found) else 0
    sheet = _sheet(2 * MARGIN + (columns + 1) * (SIDE + GAP) + GAP, 2 * MARGIN + len(queries) * line - GAP)
    for number, query in enumerate(queries):
        top = MARGIN + number * line
        name = os.path.basename(os.fspath(query)) if isinstance(query, str | Path) else "query"
        _cell(sheet, _query(library, query), MARGIN, top, heading="query", caption=name)
        for match in found[numbers == number].itertuples():
            left = MARGIN + 2 * GAP + match.rank * (SIDE + GAP) - GAP
            picture = library.thumbnail(library.row(match.file_name))
            heading = f"{match.rank}   {match.distance:.3f}"
            _cell(sheet, picture, left, top, heading=heading, caption=match.file_name, cluster=match.cluster)
    write_image(sheet.pixels(), target)
    return target


def _query(library: Library, query: Query) -> np.ndarray:
    """A query's picture, uint8 (SIDE, SIDE, 3) or as the library's thumbnails are."""
    if isinstance(query, str) and not os.path.exists(query) and (library.file_names == query).any():
        return library.thumbnail(library.row(query))
    return load(query, size=SIDE, fit="pad")


def draw_clusters(library: Library, path: str | Path, *, n: int = 12) -> Path:
    """Draws a row for each cluster, the largest first: its name, its size and its ``n`` most typical images.

    Raises
    ------
    SettingError
        The place cannot be used, or ``n`` is below 1.
    LibraryError
        The library has no clusters yet.
    """
    target = destination(library, path, PICTURES)
    if n < 1:
        raise SettingError(f"n={n} cannot be used; expected at least 1 image of each cluster")
    clusters, names, typical = library.clusters, library.cluster_names, library.typical(n)
    head = 240
    columns = max((len(rows) for rows in typical.values()), default=0)
    width, height = head + 2 * MARGIN + columns * (SIDE + GAP), 2 * MARGIN + max(1, len(typical)) * (SIDE + GAP)
    sheet = _sheet(width, height)
    for line, (number, rows) in enumerate(typical.items()):
        top = MARGIN + line * (SIDE + GAP)
        size = int((clusters == number).sum())
        sheet.place(np.full((SIDE, 5, 3), rgb(number), np.uint8), MARGIN, top)
        sheet.text(sheet.shortened(names[number], head - 50, 20), MARGIN + 20, top + 58, size=20, weight="bold")
        sheet.text(f"{size:,} image{'s' * (size != 1)}", MARGIN + 20, top + 86, size=16, colour=FAINT_INK)
        for column, row in enumerate(rows):
            _centred(sheet, library.thumbnail(int(row)), MARGIN + head + column * (SIDE + GAP), top)
    write_image(sheet.pixels(), target)
    return target


def draw_duplicates(library: Library, found: pd.DataFrame, path: str | Path) -> Path:
    """Draws a line for each group of ``library.duplicates()``: the image to keep, then the others, nearest first.

    Of more than 200 groups the first 200 are drawn, and of each the first 12 images; the headings have the size of the
    group and the distances to its first image.

    Raises
    ------
    SettingError
        The place cannot be used, or there are no groups.
    """
    target = destination(library, path, PICTURES)
    groups = [group for _, group in found.groupby("group", sort=False)][:MOST_GROUPS]
    if not groups:
        raise SettingError("there are no duplicates to draw")
    columns, line = min(COLUMNS, max(map(len, groups))), SIDE + 64
    sheet = _sheet(2 * MARGIN + columns * (SIDE + GAP) - GAP, 2 * MARGIN + len(groups) * line - GAP)
    for number, group in enumerate(groups):
        for column, image in enumerate(group.head(COLUMNS).itertuples()):
            heading = f"{image.distance:.3f}" if column else f"{image.group}   {image.kind}, {len(group)}"
            picture, left = library.thumbnail(library.row(image.file_name)), MARGIN + column * (SIDE + GAP)
            _cell(sheet, picture, left, MARGIN + number * line, heading=heading, caption=image.file_name)
    write_image(sheet.pixels(), target)
    return target


def draw_outliers(library: Library, found: pd.DataFrame, path: str | Path) -> Path:
    """Draws what ``library.outliers()`` gave, row by row, the strangest first, with rank, distance and file name.

    Raises
    ------
    SettingError
        The place cannot be used, or there are no images.
    """
    target = destination(library, path, PICTURES)
    if not len(found):
        raise SettingError("there are no outliers to draw")
    columns, line = min(ceil(len(found) ** 0.5), COLUMNS), SIDE + 64
    lines = ceil(len(found) / columns)
    sheet = _sheet(2 * MARGIN + columns * (SIDE + GAP) - GAP, 2 * MARGIN + lines * line - GAP)
    for number, image in enumerate(found.itertuples()):
        down, across = divmod(number, columns)
        picture, heading = library.thumbnail(library.row(image.file_name)), f"{image.rank}   {image.distance:.3f}"
        left, top = MARGIN + across * (SIDE + GAP), MARGIN + down * line
        _cell(sheet, picture, left, top, heading=heading, caption=image.file_name)
    write_image(sheet.pixels(), target)
    return target


def draw_reconstructions(library: Library, seen: np.ndarray, made: np.ndarray, path: str | Path) -> Path:
    """Draws originals above what the model makes of them, both uint8 (m, h, w, 3) as ``library.reconstruct`` gives.

    Raises
    ------
    SettingError
        The place cannot be used, or the two are not of one shape.
    """
    target = destination(library, path, PICTURES)
    if seen.shape != made.shape or seen.ndim != 4 or not len(seen):
        raise SettingError(f"seen is {seen.shape} and made is {made.shape}; expected both (m, h, w, 3)")
    columns = min(len(seen), 12)
    lines = ceil(len(seen) / columns)
    pair = 2 * SIDE + 3 * GAP
    sheet = _sheet(2 * MARGIN + columns * (SIDE + GAP) - GAP + LEGEND, 2 * MARGIN + lines * pair - 2 * GAP)
    for number, both in enumerate(zip(seen, made, strict=True)):
        line, column = divmod(number, columns)
        for half, picture in enumerate(both):
            top = MARGIN + line * pair + half * (SIDE + GAP // 2)
            if column == 0:
                name = ("original", "reconstruction")[half]
                sheet.text(name, MARGIN, top + SIDE / 2, size=15, colour=FAINT_INK, va="center")
            _centred(sheet, picture, MARGIN + LEGEND + column * (SIDE + GAP), top)
    write_image(sheet.pixels(), target)
    return target


def draw_pictures(library: Library, pictures: np.ndarray, path: str | Path, *, columns: int | None = None) -> Path:
    """Draws pictures, uint8 (m, h, w, 3), row by row: a walk from one image to another, or invented ones.

    ``columns`` is how many lie side by side; None makes the sheet about square, a walk is one row of ``len(pictures)``.

    Raises
    ------
    SettingError
        The place cannot be used, there are no pictures, or ``columns`` is below 1.
    """
    target = destination(library, path, PICTURES)
    if pictures.ndim != 4 or not len(pictures):
        raise SettingError(f"the pictures are {pictures.shape}; expected (m, h, w, 3) with at least one")
    columns = ceil(len(pictures) ** 0.5) if columns is None else columns
    if columns < 1:
        raise SettingError(f"columns={columns} cannot be used; expected at least 1")
    columns = min(columns, len(pictures))
    lines = ceil(len(pictures) / columns)
    sheet = _sheet(*(2 * MARGIN + number * (SIDE + GAP) - GAP for number in (columns, lines)))
    for number, picture in enumerate(pictures):
        line, column = divmod(number, columns)
        _centred(sheet, picture, MARGIN + column * (SIDE + GAP), MARGIN + line * (SIDE + GAP))
    write_image(sheet.pixels(), target)
    return target


def _sheet(width: int, height: int) -> Sheet:
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise SettingError(f"the sheet would have {width} × {height} pixels; show fewer pictures at once")
    return Sheet(width, height, paper=WHITE)


def _centred(sheet: Sheet, picture: np.ndarray, left: int, top: int, cluster: int | None = None) -> None:
    picture = resized(picture, SIDE)
    height, width = picture.shape[:2]
    frame = None if cluster is None else rgb(cluster)
    sheet.place(picture, left + (SIDE - width) // 2, top + (SIDE - height) // 2, frame=frame, thickness=3)


def _cell(
    sheet: Sheet, picture: np.ndarray, left: int, top: int, *, heading: str, caption: str, cluster: int | None = None
) -> None:
    """A picture with two short lines beneath."""
    _centred(sheet, picture, left, top, cluster)
    sheet.text(heading, left, top + SIDE + 20, size=14, weight="bold")
    sheet.text(sheet.shortened(caption, SIDE, 12), left, top + SIDE + 37, size=12, colour=FAINT_INK)
