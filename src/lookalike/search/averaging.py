"""Embeddings averaged with those around them: what several alike pictures have in common tells more than one of them.

Of photo retrieval (database-side feature augmentation: Turcot and Lowe, 2009; average query expansion: Chum et al.,
2007; Arandjelović and Zisserman, 2012). It is a damped step of mean shift (Fukunaga and Hostetler, 1975) with
Epanechnikov's kernel, as wide as the neighbourhood is (Comaniciu et al., 2001).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.search.choosing import Index
from lookalike.search.exact import Neighbors, blocks, itself_first

AROUND = 20
"""Others that an embedding is averaged with; the last of them counts nothing, nearer ones more. benchmarks/quality has
what fewer and more do."""
LOOKED_AT = 200
"""Averaged embeddings among which those around a query are looked for; its 20 nearest are among so many."""
_FORCE = 2.0  # how much the mean counts, a point itself counting 1


def averaged(
    points: ArrayLike, rows: ArrayLike, distances: ArrayLike, among: ArrayLike, *, around: int = AROUND
) -> NDArray[np.float32]:
    """Each point moved two thirds of the way to the mean of the embeddings around it.

    These are the nearest 21 of ``among``, itself included where it is there, each weighted 1 − (distance / that of the
    last)². So a point changes steadily with its place: what is nearly an image is averaged nearly as the image is. Of
    as many copies as that, and of fewer than three embeddings, all stay where they are.

    Args:
        points: floats (m, d), of length 1.
        rows: of each the nearest in ``among``, integers (m, k), nearest first.
        distances: to these, floats (m, k).
        among: floats (n, d), of length 1.
        around: how many to average with, and one more for itself, of k at most; more blur more.

    Returns:
        float32 (m, d), of length 1.
    """
    of, others = np.asarray(points), np.asarray(among)
    near, far = np.asarray(rows)[:, : around + 1], np.asarray(distances)[:, : around + 1]
    result = np.empty(of.shape, np.float32)
    for block in blocks(len(of), of.shape[1] * near.shape[1]):
        reach = far[block, -1:]
        weights = np.asarray(1 - (far[block] / np.where(reach > 0, reach, 1)) ** 2, np.float32)
        total = weights.sum(axis=1, keepdims=True)
        mean = np.einsum("mk,mkd->md", weights / np.where(total > 0, total, 1), others[near[block]])
        moved = of[block] + _FORCE * mean
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        goes = (reach > 0) & (length > 0)
        result[block] = np.where(goes, moved / np.where(goes, length, 1), of[block])
    return result


def averaged_queries(queries: ArrayLike, among: ArrayLike, index: Index) -> NDArray[np.float32]:
    """Embeddings of pictures from elsewhere, averaged as the collection's own are.

    Args:
        queries: float32 (m, d), of length 1, as the model makes them.
        among: float32 (n, d), the collection as the model makes it.
        index: of the collection as it was averaged.

    Returns:
        float32 (m, d), of length 1. Of an image of the collection it is what that has, but for rounding, unless one of
        its 20 nearest is not among 200 of the index's.
    """
    asked, others = np.ascontiguousarray(queries, np.float32), np.asarray(among)
    result = np.empty_like(asked)
    for block in blocks(len(asked), asked.shape[1] * LOOKED_AT):
        rows, _ = index.search(asked[block], LOOKED_AT)
        distances = _apart(others, asked[block], rows)
        order = np.argsort(distances, axis=1, kind="stable")
        nearest, distances = np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)
        result[block] = averaged(asked[block], nearest, distances, others)
    return result


def ranked(points: ArrayLike, rows: ArrayLike) -> Neighbors:
    """Candidates for every point's nearest, put in order by their distance from it.

    Args:
        points: float32 (n, d).
        rows: of each some others, itself among them, integers (n, k).

    Returns:
        Row numbers int32 (n, k) and Euclidean distances float32 (n, k), nearest first, itself first.
    """
    of, near = np.asarray(points), np.asarray(rows)
    found, distances = np.empty(near.shape, np.int32), np.empty(near.shape, np.float32)
    for block in blocks(len(of), of.shape[1] * near.shape[1]):
        candidates = np.asarray(near[block], np.int64)
        apart = _apart(of, of[block], candidates)
        order = np.lexsort((candidates, apart), axis=1)
        nearest, apart = np.take_along_axis(candidates, order, axis=1), np.take_along_axis(apart, order, axis=1)
        found[block], distances[block] = itself_first(np.arange(len(of))[block], nearest, apart.astype(np.float32))
    return found, distances


def _apart(others: NDArray[np.float32], points: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances (m, k) of points (m, d) from these rows (m, k) of others."""
    return np.asarray(np.linalg.norm(others[rows] - points[:, None].astype(np.float64), axis=2))
