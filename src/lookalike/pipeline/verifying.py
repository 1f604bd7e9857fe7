"""The first matches looked at again: those that show the same thing as the query, from another place, come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import ImageError
from lookalike.images import load_whole, read_stream
from lookalike.learn.geometry import LocalFeatures, local_features, n_inliers, opencv_is_there
from lookalike.pipeline.stages import Progress

if TYPE_CHECKING:
    from lookalike.pipeline.library import Library

FIRST = 50
"""Matches of each query that are looked at again."""
ENOUGH = 10
"""Inliers from which on two pictures are taken to show the same; fewer agree by chance."""
LONGEST = 512
"""Pixels of a picture's longer side when it is compared; more find smaller parts, and take longer by area."""
KEPT = 500
"""Candidates whose features are kept for the next query."""
THREADS = 8
"""Candidates looked at side by side, on as many of the machine's cores as there are."""
NOT_COMPARED = -1
"""Inliers of matches behind the first."""

Features = Callable[[int], tuple[LocalFeatures, str]]


def readable_twice(queries: Sequence[Any]) -> list[Any]:
    """The queries, streams as their content; MissingExtraError when OpenCV is missing, before anything is encoded."""
    opencv_is_there()
    return [read_stream(query) if hasattr(query, "read") else query for query in queries]


def verified(
    library: Library,
    queries: Sequence[Any],
    rows: np.ndarray,
    distances: np.ndarray,
    *,
    n: int,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray, list[dict[str, np.ndarray]]]:
    """The ``n`` best of each query's matches, rows and distances (m, ≥ n), in a new order, and what decided on it.

    The first 50 that have at least 10 inliers come first, most inliers first; the others follow by distance, as do
    equals. The query is compared as it is and mirrored. What decided are the columns inliers, int64 (n,), and
    compared: ``original``, ``thumbnail`` where the original is gone, changed or unreadable, or ``none`` behind the
    first 50, with inliers −1. ImageError when a query cannot be read.
    """
    features = lru_cache(KEPT)(lambda row: _features(library, row))
    inliers = np.full(rows.shape, NOT_COMPARED, np.int64)
    compared = np.full(rows.shape, "none", object)
    for number, query in enumerate(queries):
        if progress:
            progress("verify", number, len(queries))
        inliers[number, :FIRST], compared[number, :FIRST] = _compared(library, query, rows[number, :FIRST], features)
    order = np.argsort(-np.where(inliers >= ENOUGH, inliers, 0), axis=1, kind="stable")[:, :n]
    rows, distances, inliers, compared = (
        np.take_along_axis(column, order, 1) for column in (rows, distances, inliers, compared)
    )
    return rows, distances, [{"inliers": i, "compared": c} for i, c in zip(inliers, compared, strict=True)]


def _compared(library: Library, query: Any, rows: np.ndarray, features: Features) -> tuple[list[int], list[str]]:
    """The inliers of a query in the images of these rows, and what of each was compared."""
    picture = _query_picture(library, query)
    views = [local_features(view) for view in (picture, np.ascontiguousarray(picture[:, ::-1]))]

    def compare(row: int) -> tuple[int, str]:
        candidate, source = features(row)
        return max(n_inliers(view, candidate) for view in views), source

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(compare, rows.tolist()))
    return [number for number, _ in found], [source for _, source in found]


def _query_picture(library: Library, query: Any) -> np.ndarray:
    """The picture of a query, which may also be the name of an image of the library."""
    row = library._row_of(query)
    return load_whole(query, longest=LONGEST) if row is None else _picture(library, row)[0]


def _features(library: Library, row: int) -> tuple[LocalFeatures, str]:
    picture, source = _picture(library, row)
    return local_features(picture), source


def _picture(library: Library, row: int) -> tuple[np.ndarray, str]:
    """An image of the library at its best: uint8 (h, w, 3), and whether it is the original or the thumbnail."""
    content_hash = library._rows["content_hash"][row]
    try:
        return load_whole(library._place(row), longest=LONGEST, content_hash=content_hash), "original"
    except ImageError:
        return library.thumbnail(row), "thumbnail"
