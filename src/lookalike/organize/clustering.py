"""Embeddings, or what a projection made of them, become clusters, and what is typical of each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError
from lookalike.organize.kmeans import RESTARTS, by_inertia, by_links
from lookalike.organize.links import Rows
from lookalike.organize.sampling import drawn

Points = NDArray[np.floating[Any]]
Clusters = NDArray[np.int32]

_FITTED_FROM, _FITTED = 50_000, 30_000  # rows from which on a mixture and dense regions are found in so many of them
_BLOCK = 100_000  # rows that are assigned at once
_PROTOTYPES_FROM = 20_000  # rows; above, Ward's method merges k-means centres
_PROTOTYPES = 2_000
_WARD_NEIGHBORS = 15


def cluster(
    points: ArrayLike,
    n_clusters: int,
    method: str = "kmeans",
    *,
    seed: int = 0,
    neighbors: ArrayLike | None = None,
) -> Clusters:
    """Sort images into clusters.

    `kmeans` makes round clusters of similar extent (k-means++, the best of 10 restarts; from 100,000 rows on in mini
    batches of 10,000, the best of 3; Sculley, WWW 2010). With neighbours there are up to eight times as many restarts.
    The best is then that whose clusters hold more of the links to the 20 nearest (of small clusters down to 5) than
    chance would (modularity, at a resolution of 1.4; Newman, PRE 2004; Reichardt & Bornholdt, PRE 2006), not that which
    lies closest around its centres. And unless clusters are tiny (fewer than 10 images, on average) or more than a
    thousand there is one more start, three times as many pieces, merged by all their links, and the best five go on: as
    long as modularity grows one cluster is split and two are joined, or a half moves to another cluster, and k-means
    follows. For in a `manifold` one group can be several islands, and how far these are apart means nothing.

    `gmm` makes ellipsoids, a Gaussian mixture whose covariances have as much freedom as the rows can support. `ward`
    merges what is nearest, neighbours first (Ward, 1963), and finds uneven and winding clusters; above 20,000 rows it
    merges 2,000 k-means centres. `hdbscan` finds dense regions and leaves the rest out (Campello et al., 2013): it
    decides by itself how many there are and ignores n_clusters; a region is at least half the square root of n images;
    its time grows with n². From 50,000 rows on `gmm` and `hdbscan` look at 30,000 drawn at random, and each other row
    goes to the likeliest cluster, or to that of the nearest of these rows. So no method's memory grows with n², nor
    beyond that its time.

    Args:
        points: floats (n, d), finite: an embedding, its `manifold` or a map.
        n_clusters: how many clusters, 1 to n. Identical rows stay together, so there can be fewer.
        method: "kmeans", "gmm", "ward" or "hdbscan".
        seed: of the restarts and samples; `ward` up to 20,000 rows and `hdbscan` below 50,000 are the same for every
            seed.
        neighbors: each image's nearest in the embedding: row numbers (n, k), nearest first, its own number first; −1
            for one that is not among these images. Only `kmeans` uses them.

    Returns:
        int32 (n,): 0 is the largest cluster, equal sizes go by their first row; −1 is none (`hdbscan` only).

    Raises:
        SettingError: an unknown method, n_clusters out of range, points that are not (n, d) or not finite, neighbours
            that do not fit.
    """
    rows = checked(points)
    linked = None if neighbors is None else _linked(neighbors, len(rows))
    if method not in _METHODS:
        raise SettingError(f"cluster method {method!r} is unknown, expected one of {', '.join(_METHODS)}")
    if method != "hdbscan" and not 1 <= n_clusters <= len(rows):
        raise SettingError(f"n_clusters is {n_clusters}, expected 1 to {len(rows)}, the number of images")
    if n_clusters == 1 and method != "hdbscan":
        return np.zeros(len(rows), np.int32)
    with repeatably():
        if method == "kmeans" and linked is not None:
            return _by_size(by_links(rows, int(n_clusters), seed, linked))
        return _by_size(_METHODS[method](rows, int(n_clusters), seed, RESTARTS))


def typical(embeddings: ArrayLike, clusters: ArrayLike, n: int = 12) -> dict[int, NDArray[np.int64]]:
    """The images that stand for each cluster: those nearest to its centre.

    Args:
        embeddings: floats (n_images, d), finite.
        clusters: integers (n_images,); −1 is none and has no typical images.
        n: how many for each cluster, at least 1; small clusters have fewer.

    Returns:
        For each cluster, in order, its rows nearest to its mean, nearest first, ties by row.

    Raises:
        SettingError: arrays that do not fit, n below 1.
    """
    rows, sorted_into = np.asarray(embeddings), np.asarray(clusters)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise SettingError(f"embeddings have the shape {rows.shape}, expected (n, d), and finite numbers")
    if sorted_into.shape != (len(rows),):
        raise SettingError(f"clusters have the shape {sorted_into.shape}, expected ({len(rows)},): one for each image")
    if n < 1:
        raise SettingError(f"n is {n}, expected at least 1")
    chosen = {}
    for name in np.unique(sorted_into[sorted_into >= 0]):
        members = np.flatnonzero(sorted_into == name)
        its = np.asarray(rows[members], np.float64)
        distances = np.linalg.norm(its - its.mean(axis=0), axis=1)
        chosen[int(name)] = members[np.argsort(distances, kind="stable")[:n]]
    return chosen


def _gmm(points: Points, n_clusters: int, seed: int, restarts: int) -> NDArray[Any]:
    from sklearn.mixture import GaussianMixture

    all_of_them = len(points) < _FITTED_FROM
    fitted = points if all_of_them else points[drawn(len(points), max(_FITTED, 10 * n_clusters), seed)]
    mixture = GaussianMixture(
        n_clusters,
        covariance_type=_freedom(len(fitted) / n_clusters, points.shape[1]),
        reg_covar=max(1e-3 * float(points.var(axis=0).mean()), 1e-12),
        n_init=max(1, restarts // 3),
        max_iter=200,
        random_state=seed,
    )
    if all_of_them:
        return np.asarray(mixture.fit_predict(points))
    mixture.fit(fitted.astype(np.float64))
    blocks = [points[at : at + _BLOCK].astype(np.float64) for at in range(0, len(points), _BLOCK)]
    return np.concatenate([mixture.predict(block) for block in blocks])


def _freedom(rows_each: float, dim: int) -> str:
    """A full covariance for each cluster needs some rows for each of its numbers; else one shared, or variances."""
    if rows_each >= dim * (dim + 1):
        return "full"
    return "tied" if rows_each >= dim else "diag"


def _ward(points: Points, n_clusters: int, seed: int, restarts: int = 1) -> NDArray[Any]:
    if len(points) > _PROTOTYPES_FROM and n_clusters < _PROTOTYPES:
        return _ward_of_prototypes(points, n_clusters, seed)
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.neighbors import kneighbors_graph

    near = min(_WARD_NEIGHBORS, len(points) - 1)
    if near < 1:
        return np.zeros(len(points), np.int32)
    graph = kneighbors_graph(points, near)
    return np.asarray(AgglomerativeClustering(n_clusters, connectivity=graph.maximum(graph.T)).fit_predict(points))


def _ward_of_prototypes(points: Points, n_clusters: int, seed: int) -> NDArray[Any]:
    from sklearn.cluster import MiniBatchKMeans

    prototypes = MiniBatchKMeans(_PROTOTYPES, n_init=1, random_state=seed).fit(points)
    used, nearest = np.unique(prototypes.labels_, return_inverse=True)
    return _ward(prototypes.cluster_centers_[used], min(n_clusters, len(used)), seed)[nearest]


def _hdbscan(points: Points, n_clusters: int, seed: int, restarts: int) -> NDArray[Any]:
    from sklearn.cluster import HDBSCAN

    if len(points) >= _FITTED_FROM:
        return _as_the_nearest(points, drawn(len(points), _FITTED, seed), n_clusters, seed)
    smallest = max(5, round(np.sqrt(len(points)) / 2))
    if len(points) <= smallest:
        return np.full(len(points), -1)
    return np.asarray(HDBSCAN(smallest, min_samples=5, algorithm="kd_tree", copy=True).fit_predict(points))


def _as_the_nearest(points: Points, rows: NDArray[np.int64], n_clusters: int, seed: int) -> NDArray[Any]:
    """Dense regions among these rows, and for every row that of the nearest of them."""
    from sklearn.neighbors import NearestNeighbors

    found = _hdbscan(points[rows], n_clusters, seed, 1)
    near = NearestNeighbors(n_neighbors=1).fit(points[rows])
    blocks = [points[at : at + _BLOCK] for at in range(0, len(points), _BLOCK)]
    nearest: NDArray[np.int64] = np.concatenate(
        [near.kneighbors(block, return_distance=False)[:, 0] for block in blocks]
    )
    return found[nearest]


_METHODS: dict[str, Callable[[Points, int, int, int], NDArray[Any]]] = {
    "kmeans": by_inertia,
    "gmm": _gmm,
    "ward": _ward,
    "hdbscan": _hdbscan,
}


CLUSTERINGS = tuple(_METHODS)
"""The methods that `cluster` knows."""


def _by_size(clusters: NDArray[Any]) -> Clusters:
    """Renumbered: the largest is 0, equal sizes by first row; −1 stays."""
    names, first, sizes = np.unique(clusters, return_index=True, return_counts=True)
    order = [position for position in np.lexsort((first, -sizes)) if names[position] >= 0]
    numbers = np.full(len(names), -1, np.int32)
    numbers[order] = np.arange(len(order))
    return numbers[np.searchsorted(names, clusters)]


def _linked(neighbors: ArrayLike, n: int) -> Rows:
    """Each image's neighbours without itself, rows (n, k)."""
    rows = np.asarray(neighbors)
    fits = rows.ndim == 2 and len(rows) == n and np.issubdtype(rows.dtype, np.integer)
    if not fits or (rows.size and not -1 <= rows.min() <= rows.max() < n):
        raise SettingError(f"neighbors have the shape {rows.shape}, expected ({n}, k): row numbers below {n}")
    return rows[:, 1:]


def checked(points: ArrayLike) -> Points:
    """Finite floats (n, d); SettingError when they are not."""
    given = np.asarray(points)
    rows: Points = np.ascontiguousarray(given, np.float32 if given.shape[:1] >= (_FITTED_FROM,) else np.float64)
    if rows.ndim != 2 or not rows.size:
        raise SettingError(f"points have the shape {rows.shape}, expected (n, d) with at least one image")
    if not np.isfinite(rows).all():
        raise SettingError("points hold NaN or infinity, expected finite numbers")
    return rows


@contextmanager
def repeatably() -> Iterator[None]:
    """One OpenMP thread, for the sums of several come in any order; and no advice a user cannot follow."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):
        warnings.simplefilter("ignore")
        yield
