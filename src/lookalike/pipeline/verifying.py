"""The first matches looked at again: those that show the same thing as the query, from another place, come first."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import ImageError, LibraryError
from lookalike.images import load_whole, read_stream
from lookalike.learn.geometry import LocalFeatures, local_features, n_inliers, opencv_is_there
from lookalike.pipeline.stages import Progress

if TYPE_CHECKING:
    from lookalike.pipeline.finding import Finding


FIRST = 50
"""Matches of each query that are looked at again."""
ENOUGH = 8
"""Inliers from which on two pictures are taken to show the same; fewer agree by chance."""
LONGEST = 512
"""Pixels of a picture's longer side when it is compared; more find smaller parts, and take longer by area."""
KEPT = 500
"""Candidates whose features are kept for the next query."""
THREADS = 8
"""Candidates looked at side by side, on as many of the machine's cores as there are."""
NOT_COMPARED = -1
"""Inliers of matches behind the first, and of those of which there is no picture any more."""


def readable_twice(queries: Sequence[Any]) -> list[Any]:
    """The queries, streams as their content; MissingExtraError when OpenCV is missing, before anything is encoded."""
    opencv_is_there()
    return [read_stream(query) if hasattr(query, "read") else query for query in queries]


def verified(
    library: Finding,
    queries: Sequence[Any],
    rows: np.ndarray,
    distances: np.ndarray,
    *,
    n: int,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray, list[dict[str, np.ndarray]]]:
    """The ``n`` best of each query's matches, rows and distances (m, ≥ n), in a new order, and what decided on it.

    The first 50 that have at least 8 inliers come first, most inliers first; the others follow by distance, as do
    equals. The query is compared as it is and mirrored. What decided are the columns inliers, int64 (n,), and
    compared: ``original``; ``thumbnail`` where that is gone, changed or unreadable; ``none``, with inliers −1, where
    the thumbnail is gone too, and behind the first 50. ImageError when a query cannot be read.
    """
    inliers = np.full(rows.shape, NOT_COMPARED, np.int64)
    compared = np.full(rows.shape, "none", object)
    with ThreadPoolExecutor(THREADS) as threads:
        candidates = Candidates(library, threads)
        for number, query in enumerate(queries):
            if progress:
                progress("verify", number, len(queries))
            views = _views(_query_picture(library, query))
            found = candidates.compared(views, rows[number, :FIRST])
            inliers[number, :FIRST], compared[number, :FIRST] = zip(*found, strict=True)
    order = np.argsort(-np.where(inliers >= ENOUGH, inliers, 0), axis=1, kind="stable")[:, :n]
    rows, distances, inliers, compared = (
        np.take_along_axis(column, order, 1) for column in (rows, distances, inliers, compared)
    )
    return rows, distances, [{"inliers": i, "compared": c} for i, c in zip(inliers, compared, strict=True)]


def confirmed(library: Finding, firsts: np.ndarray, progress: Progress | None = None) -> np.ndarray:
    """Groups without the images that have fewer than 8 inliers with the first of theirs, which is compared as a query.

    ``firsts`` has for each image the row of its group's first, int64 (n,), and so has what is given back. Files of
    equal contents need no comparison. Where there is no picture any more, nothing is confirmed.
    """
    kept, contents = firsts.copy(), library._rows["content_hash"]
    doubtful = np.flatnonzero(contents != contents[firsts])
    groups = np.unique(firsts[doubtful])
    with ThreadPoolExecutor(THREADS) as threads:
        candidates = Candidates(library, threads)
        for number, first in enumerate(groups.tolist()):
            if progress:
                progress("verify", number, len(groups))
            picture, _ = _picture(library, first)
            rows = doubtful[firsts[doubtful] == first]
            found = [] if picture is None else candidates.compared(_views(picture), rows)
            inliers = np.array([inliers for inliers, _ in found] or NOT_COMPARED)
            kept[rows] = np.where(inliers >= ENOUGH, first, rows)
    return kept


class Candidates:
    """The images of a library, one by one read here and looked at in threads; the last few stay known."""

    def __init__(self, library: Finding, threads: ThreadPoolExecutor) -> None:
        self._library, self._threads = library, threads
        self._looked_at = lru_cache(KEPT)(self._look_at)

    def compared(self, views: list[LocalFeatures], rows: np.ndarray) -> list[tuple[int, str]]:
        """For each of these rows the inliers of the best view of the query, and what was compared."""
        looked_at = [self._looked_at(row) for row in rows.tolist()]
        best = self._threads.map(lambda one: _inliers(views, one and one.result()), [one for one, _ in looked_at])
        return [(inliers, source) for inliers, (_, source) in zip(best, looked_at, strict=True)]

    def _look_at(self, row: int) -> tuple[Future[LocalFeatures] | None, str]:
        picture, source = _picture(self._library, row)
        return None if picture is None else self._threads.submit(local_features, picture), source


def _inliers(views: list[LocalFeatures], candidate: LocalFeatures | None) -> int:
    return NOT_COMPARED if candidate is None else max(n_inliers(view, candidate) for view in views)


def _views(picture: np.ndarray) -> list[LocalFeatures]:
    """A query as it is and mirrored."""
    return [local_features(view) for view in (picture, np.ascontiguousarray(picture[:, ::-1]))]


def _query_picture(library: Finding, query: Any) -> np.ndarray:
    """The picture of a query, which may also be the name of an image of the library."""
    row = library._row_of(query)
    if row is None:
        return load_whole(query, longest=LONGEST)
    picture, _ = _picture(library, row)
    if picture is None:
        raise ImageError(f"{query}: neither its file nor its thumbnail can be read, so nothing can be compared with it")
    return picture


def _picture(library: Finding, row: int) -> tuple[np.ndarray | None, str]:
    """An image of the library at its best, uint8 (h, w, 3), and whether it is the original, the thumbnail, or none."""
    place, content_hash = library._place(row), library._rows["content_hash"][row]
    try:
        return load_whole(place, longest=LONGEST, content_hash=content_hash), "original"
    except ImageError:
        pass
    try:
        return library.thumbnail(row), "thumbnail"
    except LibraryError:
        return None, "none"
