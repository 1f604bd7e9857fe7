"""What the graph of nearest neighbours says of clusters: whether they hold its links, and which pieces belong together.

A link joins an image to each of its nearest neighbours, and counts at both of its ends.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 50_000  # images whose links are counted at once
Rows = NDArray[np.integer[Any]]


def modularity(clusters: Rows, neighbors: Rows, n_clusters: int, *, resolution: float = 1.0) -> float:
    """By how much more of all links lie within clusters than if they were drawn at random (Newman, PRE 2004).

    Args:
        clusters: integers (n,), 0 to n_clusters - 1.
        neighbors: each image's nearest, itself left out: rows (n, k), any order; −1 is no neighbour.
        n_clusters: how many clusters there are.
        resolution: how much chance counts (Reichardt & Bornholdt, PRE 2006). Among divisions into equally many
            clusters a higher resolution prefers those of similar sizes, even where that cuts more links.

    Returns:
        Up to 1; larger is better. At resolution 1 it is −0.5 at least, and 0 is chance. 0, too, without links.
    """
    within, ends = 0, np.zeros(n_clusters, np.int64)
    for of, to in _ends(clusters, neighbors):
        within += 2 * int(np.count_nonzero(of == to))
        ends += np.bincount(of, minlength=n_clusters) + np.bincount(to, minlength=n_clusters)
    total = int(ends.sum())
    return float(within / total - resolution * np.square(ends / total).sum()) if total else 0.0


def links_between(pieces: Rows, neighbors: Rows, n_pieces: int) -> NDArray[np.float64]:
    """How many links run between pieces.

    Args:
        pieces: integers (n,), 0 to n_pieces - 1.
        neighbors: as in `modularity`.
        n_pieces: how many there are; memory grows with its square.

    Returns:
        float64 (n_pieces, n_pieces), symmetric; those within a piece, counted at both ends, in the diagonal.
    """
    counts = np.zeros(n_pieces**2, np.int64)
    for of, to in _ends(pieces, neighbors):
        counts += np.bincount(of * n_pieces + to, minlength=n_pieces**2)
    directed = counts.reshape(n_pieces, n_pieces).astype(np.float64)
    return directed + directed.T


def gains_of_joining(links: NDArray[np.float64], resolution: float = 1.0) -> NDArray[np.float64]:
    """By how much the modularity would change if two pieces became one; negative where chance would link them more.

    Args:
        links: of the pieces, as `links_between` returns them: float64 (n_pieces, n_pieces).
        resolution: as in `modularity`.

    Returns:
        float64 (n_pieces, n_pieces), symmetric; the diagonal means nothing. All 0 where there are no links.
    """
    ends = links.sum(axis=1)
    total = max(float(ends.sum()), 1.0)
    return 2 * (links / total - resolution * np.outer(ends / total, ends / total))


def merged(links: NDArray[np.float64], n_clusters: int) -> NDArray[np.int64]:
    """Merge pieces until so many are left, always the two that have most links for their size.

    That is average linkage on the graph: the links between two, divided by the product of the links that either has.
    What lies apart only in a layout, and not in the graph, comes together. Time grows with the square of the pieces.

    Args:
        links: of the pieces, as `links_between` returns them: float64 (n_pieces, n_pieces).
        n_clusters: how many are to be left, 1 to n_pieces.

    Returns:
        int64 (n_pieces,): for each piece the number of its cluster, 0 to n_clusters - 1. Ties go by the first pieces.
    """
    between, ends = links.copy(), links.sum(axis=1)
    members = np.arange(len(links))
    near = between / np.maximum(np.outer(ends, ends), 1.0)
    np.fill_diagonal(near, -1.0)
    partner, best = near.argmax(axis=1), near.max(axis=1)
    for _ in range(len(links) - n_clusters):
        first = int(best.argmax())
        kept, gone = sorted((first, int(partner[first])))
        between[kept] += between[gone]
        between[:, kept] += between[:, gone]
        ends[kept] += ends[gone]
        members[members == gone] = kept
        near[gone] = near[:, gone] = -1.0
        left = near[kept] >= 0
        left[kept] = False
        near[kept, left] = near[left, kept] = between[kept, left] / np.maximum(ends[kept] * ends[left], 1.0)
        nearer = near[:, kept] > best
        partner[nearer], best[nearer] = kept, near[nearer, kept]
        stale = np.flatnonzero((partner == kept) | (partner == gone) | (members == kept))
        partner[stale], best[stale] = near[stale].argmax(axis=1), near[stale].max(axis=1)
    return np.unique(members, return_inverse=True)[1]


def _ends(clusters: Rows, neighbors: Rows) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The clusters at the two ends of each link, some images' links at a time."""
    to = np.append(clusters, -1).astype(np.int64)  # −1 finds the last
    for start in range(0, len(clusters), _BLOCK):
        found = to[neighbors[start : start + _BLOCK]]
        there = found >= 0
        yield np.broadcast_to(to[start : start + len(found), None], found.shape)[there], found[there]
