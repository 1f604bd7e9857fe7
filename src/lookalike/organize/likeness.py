"""Which images are duplicates of one another, and which are unlike all others, by every image's nearest neighbours.

Both look at the neighbours that a library keeps, rows and distances (n, k), and at no other pair: memory and time grow
with n·k, never with n².
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError

NEAREST = 10
"""Neighbours whose mean distance says how strange an image is."""
FAR, SHARE, MOST = 50, 0.25, 0.3
"""The neighbour that is taken for another picture, which share of the distance to it two versions of one picture may be
apart, and how far at most: chosen on the cautious side, on folders of photos and of drawings (benchmarks/quality)."""
MANY, MOST_OF_FEW = 500, 0.5
"""Images from which on that holds. Of fewer, all are farther from each other, versions of one picture as well, so that
both grow with the cube root of how many fewer they are, to this distance."""
SAME = 1e-3
"""Distance up to which two embeddings are one: pictures computed in another batch differ in the last digits."""

Rows = NDArray[np.int64]


def strangeness(distances: ArrayLike) -> NDArray[np.float32]:
    """How unlike all others each image is: the mean distance to its ten nearest.

    Args:
        distances: floats (n, k) to each image's nearest, nearest first, itself first; of fewer than eleven all count.

    Returns:
        float32 (n,), larger is stranger; 0 when all are the same.

    Raises:
        SettingError: there are fewer than two images, so that there is nothing to be unlike.
    """
    near = np.asarray(distances)[:, 1 : NEAREST + 1]
    if not near.size:
        raise SettingError("a single image is like no other")
    return np.array(near.mean(1), np.float32)


def same(contents: ArrayLike, order: ArrayLike) -> Rows:
    """Groups the images of equal contents.

    Args:
        contents: what tells contents apart, such as hashes, (n,).
        order: rows (n,), those to keep first.

    Returns:
        For each image the row of the first one of its group, int64 (n,); its own for the first, and without a group.
    """
    order = np.asarray(order, np.int64)
    _, begins, kind = np.unique(np.asarray(contents)[order], return_index=True, return_inverse=True)
    firsts = np.empty(len(order), np.int64)
    firsts[order] = order[begins[kind.ravel()]]
    return firsts


def alike(rows: ArrayLike, distances: ArrayLike, *, within: ArrayLike, contents: ArrayLike, order: ArrayLike) -> Rows:
    """Groups images that are at most so far apart, each group around one of them.

    The image with the most others within the distance takes them all, then of those that are left the one with the
    most takes what is left of them, and so on (leader clustering; Hartigan, 1975). So every image of a group lies
    within the distance of *one* image, and no two are farther apart than twice that: pairs do not chain into a group
    whose ends have nothing to do with each other. Images of equal contents or of the same embedding count as one,
    however many they are.

    Args:
        rows: each image's nearest, itself among them, integers (n, k).
        distances: to these, floats (n, k).
        within: the largest distance from the image that a group lies around, for all images or one for each (n,), of
            which the smaller counts; larger makes groups larger, and more of them wrong. Of an image with more than k
            so near, some may be missing from its group.
        contents: what tells contents apart, such as hashes, (n,).
        order: rows (n,), those to keep first.

    Returns:
        For each image the row of the first one of its group, int64 (n,); its own for the first, and without a group.

    Raises:
        SettingError: ``within`` is below 0, or no number.
    """
    order = np.asarray(order, np.int64)
    place, limits = np.argsort(order), np.broadcast_to(np.asarray(within, np.float32), len(order))
    if not (limits >= 0).all():
        raise SettingError(f"within={within!r} cannot be a distance; expected a number from 0 up")
    one, other, apart = _pairs(np.asarray(rows), np.asarray(distances), max(float(limits.max()), SAME))
    units = _united(one[apart <= SAME], other[apart <= SAME], same(contents, order))
    near = apart <= np.minimum(limits[one], limits[other])
    groups = _around(units[one[near]], units[other[near]], int(units.max()) + 1)[units]
    _, begins, of = np.unique(groups[order], return_index=True, return_inverse=True)
    return np.asarray(order[begins[of.ravel()[place]]])


def near_distances(distances: ArrayLike) -> NDArray[np.float32]:
    """How far from each image another may be, and is still taken for a version of the same picture.

    A quarter of the image's own distance to its 50th neighbour, but 0.3 at most. Where images are crowded, as trousers
    are among clothes, different ones are nearer to each other, and the limit is lower there. An image with more than
    fifty near duplicates has only those that are hardly different. Of fewer than 500 images both are larger: among few,
    versions of one picture are farther from each other, too, as all are.

    Args:
        distances: floats (n, k) to each image's nearest, nearest first, itself first.

    Returns:
        float32 (n,), from 0 to 0.3, of 200 images to 0.41, of 108 or fewer to 0.5; where there are no 50 neighbours,
        that.
    """
    distances = np.asarray(distances)
    larger = min(max(1.0, (MANY / max(1, len(distances))) ** (1 / 3)), MOST_OF_FEW / MOST)
    if distances.shape[1] <= FAR:
        return np.full(len(distances), larger * MOST, np.float32)
    return np.asarray(larger * np.minimum(SHARE * np.array(distances[:, FAR]), MOST), np.float32)


def _pairs(rows: NDArray[Any], distances: NDArray[Any], within: float) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Who is that near to whom: two rows and their distance, (m,) each."""
    near = np.argwhere(distances <= within)
    one, other = near[:, 0], rows[near[:, 0], near[:, 1]].astype(np.int64)
    return one, other, np.asarray(distances[near[:, 0], near[:, 1]])


def _united(one: Rows, other: Rows, firsts: Rows) -> Rows:
    """Numbers the images, those that are one by pairs or by contents with one number: (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(firsts)
    ends = np.concatenate([one, np.arange(n)]), np.concatenate([other, firsts])
    links = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _around(one: Rows, other: Rows, n: int) -> Rows:
    """For each of n the one that takes it, itself if none does, by pairs (m,): int64 (n,)."""
    ends = np.concatenate([np.stack([one, other], 1), np.stack([other, one], 1)])
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    counts = np.bincount(ends[:, 0], minlength=n)
    begins = np.cumsum(counts) - counts
    takers, free = np.arange(n), np.ones(n, np.bool_)
    for taker in np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]:
        if free[taker]:
            near = ends[begins[taker] : begins[taker] + counts[taker], 1]
            taken = near[free[near]]
            takers[taken], free[taken], free[taker] = taker, False, False
    return takers
