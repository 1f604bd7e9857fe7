"""What the graph of nearest neighbours says of clusters: how many links they cut, and which pieces belong together.

A link joins an image to each of its nearest neighbours, and counts at both of its ends.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 50_000  # images whose links are counted at once
Links = NDArray[np.float64]


def links_between(clusters: NDArray[np.integer[Any]], neighbors: NDArray[np.integer[Any]], n_clusters: int) -> Links:
    """How many links run between clusters.

    Args:
        clusters: integers (n,), 0 to n_clusters - 1.
        neighbors: each image's nearest, itself left out: rows (n, k), any order; −1 is no neighbour.
        n_clusters: how many there are.

    Returns:
        float64 (n_clusters, n_clusters), symmetric; those within a cluster, counted twice, in the diagonal.
    """
    to = np.append(clusters, n_clusters).astype(np.int64)  # −1 finds the last, which is no cluster
    counts = np.zeros(n_clusters * (n_clusters + 1), np.int64)
    for start in range(0, len(clusters), _BLOCK):
        near = neighbors[start : start + _BLOCK]
        pairs = to[start : start + len(near), None] * (n_clusters + 1) + to[near]
        counts += np.bincount(pairs.ravel(), minlength=len(counts))
    directed = counts.reshape(n_clusters, n_clusters + 1)[:, :-1].astype(np.float64)
    return directed + directed.T


def modularity(links: Links) -> float:
    """By how much more of all links lie within clusters than if they were drawn at random (Newman, PRE 2004).

    Args:
        links: what `links_between` returns.

    Returns:
        −0.5 to 1; larger is better, 0 is chance, also where there are no links.
    """
    total = links.sum()
    if not total:
        return 0.0
    return float(np.trace(links) / total - np.square(links.sum(axis=1) / total).sum())


def merged(links: Links, n_clusters: int) -> NDArray[np.int64]:
    """Merge pieces until so many are left, always the two that have most links for their size.

    That is average linkage on the graph: the links between two, divided by the product of the links that either has.
    What lies apart only in a layout, and not in the graph, comes together.

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
    for _ in range(len(links) - n_clusters):
        kept, gone = sorted(np.unravel_index(int(near.argmax()), near.shape))
        between[kept] += between[gone]
        between[:, kept] += between[:, gone]
        ends[kept] += ends[gone]
        members[members == gone] = kept
        near[gone] = near[:, gone] = -1.0
        left = near[kept] >= 0
        left[kept] = False
        near[kept, left] = near[left, kept] = between[kept, left] / np.maximum(ends[kept] * ends[left], 1.0)
    return np.unique(members, return_inverse=True)[1]
