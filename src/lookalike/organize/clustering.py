"""Embeddings, or what a projection made of them, become clusters; how many, and what is typical of each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError
from lookalike.organize.sampling import drawn

if TYPE_CHECKING:
    import pandas as pd

Points = NDArray[np.floating[Any]]
Clusters = NDArray[np.int32]

_RESTARTS = 10
_MINI_BATCHES_FROM = 100_000  # rows; below, k-means looks at all of them in every step
_BATCH = 10_000
_FITTED_FROM, _FITTED = 50_000, 30_000  # rows from which on a mixture and dense regions are found in so many of them
_BLOCK = 100_000  # rows that are assigned at once
_PROTOTYPES_FROM = 20_000  # rows; above, Ward's method merges k-means centres
_PROTOTYPES = 2_000
_WARD_NEIGHBORS = 15
_CLUSTERED = 10_000  # rows that the search for K clusters
_JUDGED = 2_000  # rows whose silhouette is measured, in each round
_ROUNDS = 3
_MOST_CLUSTERS = 50
_EVERY_K_UP_TO = 20
_STANDS_OUT = 0.02  # silhouette by which a peak must rise above the valley before it
_STILL_CLEAR = 0.75  # share of the best silhouette that a finer level must keep
_AS_GOOD = 0.98


def cluster(points: ArrayLike, n_clusters: int, method: str = "kmeans", *, seed: int = 0) -> Clusters:
    """Sort images into clusters.

    `kmeans` makes round clusters of similar extent (k-means++, the best of 10 restarts; from 100,000 rows on in mini
    batches of 10,000, the best of 3; Sculley, WWW 2010). `gmm` makes ellipsoids, a Gaussian mixture whose covariances
    have as much freedom as the rows can support. `ward` merges what is nearest, neighbours first (Ward, 1963), and
    finds uneven and winding clusters; above 20,000 rows it merges 2,000 k-means centres. `hdbscan` finds dense regions
    and leaves the rest out (Campello et al., 2013): it decides by itself how many there are and ignores n_clusters; a
    region is at least half the square root of n images; its time grows with n². From 50,000 rows on `gmm` and `hdbscan`
    look at 30,000 drawn at random, and each other row goes to the likeliest cluster, or to that of the nearest of these
    rows. So no method's memory grows with n², nor beyond that its time.

    Args:
        points: floats (n, d), finite: an embedding, its `manifold` or a map.
        n_clusters: how many clusters, 1 to n. Identical rows stay together, so there can be fewer.
        method: "kmeans", "gmm", "ward" or "hdbscan".
        seed: of the restarts and samples; `ward` up to 20,000 rows and `hdbscan` below 50,000 are the same for every
            seed.

    Returns:
        int32 (n,): 0 is the largest cluster, equal sizes go by their first row; −1 is none (`hdbscan` only).

    Raises:
        SettingError: an unknown method, n_clusters out of range, points that are not (n, d) or not finite.
    """
    rows = _checked(points)
    if method not in _METHODS:
        raise SettingError(f"cluster method {method!r} is unknown, expected one of {', '.join(_METHODS)}")
    if method != "hdbscan" and not 1 <= n_clusters <= len(rows):
        raise SettingError(f"n_clusters is {n_clusters}, expected 1 to {len(rows)}, the number of images")
    if n_clusters == 1 and method != "hdbscan":
        return np.zeros(len(rows), np.int32)
    with _repeatably():
        return _by_size(_METHODS[method](rows, int(n_clusters), seed, _RESTARTS))


@dataclass(frozen=True)
class Choice:
    """How many clusters there seem to be, and the evidence.

    Attributes:
        n_clusters: the number chosen.
        curve: one row for each number tried: k, silhouette (−1..1, larger is better; mean over three random samples)
            and spread (their standard deviation).
    """

    n_clusters: int
    curve: pd.DataFrame


def choose_k(
    points: ArrayLike,
    *,
    seed: int = 0,
    k_range: Sequence[int] | None = None,
    method: str = "kmeans",
    progress: Callable[..., None] | None = None,
) -> Choice:
    """Choose how many clusters by the silhouette (Rousseeuw, 1987): how much closer rows are to their own cluster.

    The best silhouette alone tends to name the coarsest division (two or three heaps), or the largest number tried.
    So a finer level is preferred where there is one: of the peaks at a larger K than the best peak that rise by 0.02
    and by twice the spread above the valley between, and keep three quarters of the best, the highest. Where the
    curve has no clear peak but its upper end, the smallest K that comes within 2 % of the best is taken, not the
    limit. Costs one clustering of at most 10,000 rows for each K tried; memory does not grow with n².

    Args:
        points: floats (n, d), finite; best the `manifold`, where clusters stand apart.
        seed: which rows are looked at, and of the clustering.
        k_range: the numbers to try; None takes all from 2 to 20, then every tenth more, up to √n or 50.
        method: as in `cluster`, but for "hdbscan", which decides by itself.
        progress: is called as `progress("cluster", done, total, note)`.

    Raises:
        SettingError: a number to try below 2 or not below n, "hdbscan", and what `cluster` raises.

    With fewer than 4 images, or identical ones only, it is 1 and the curve is empty.
    """
    import pandas as pd

    rows = _checked(points)
    if method not in _METHODS or method == "hdbscan":
        able = ", ".join(name for name in _METHODS if name != "hdbscan")
        raise SettingError(f"choosing K with cluster method {method!r} is not possible, expected one of {able}")
    numbers = sorted({int(k) for k in k_range}) if k_range is not None else _numbers_to_try(len(rows))
    if k_range is not None and not (numbers and numbers[0] >= 2 and numbers[-1] < len(rows)):
        raise SettingError(f"k_range is {list(k_range)}, expected numbers from 2 to {len(rows) - 1}")
    random = np.random.default_rng(seed)
    rows = rows[np.sort(random.permutation(len(rows))[:_CLUSTERED])]
    samples = [np.sort(random.permutation(len(rows))[:_JUDGED]) for _ in range(_ROUNDS)]
    judged = []
    for tried, k in enumerate(numbers if np.ptp(rows, axis=0).any() else []):
        if progress:
            progress("cluster", tried, len(numbers), f"trying {k}")
        if k < len(rows):
            clusters = cluster(rows, k, method, seed=seed)
            judged.append((k, *_silhouette(rows, clusters, samples)))
    curve = pd.DataFrame(judged, columns=["k", "silhouette", "spread"]).dropna(ignore_index=True)
    return Choice(_level(curve), curve.astype({"k": "int64", "silhouette": "float64", "spread": "float64"}))


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


def _numbers_to_try(n: int) -> list[int]:
    """2 to 20, then about every tenth more, up to the square root of n or 50; at least 2 and 3."""
    most = min(max(int(np.sqrt(n)), 3), _MOST_CLUSTERS, n - 1)
    numbers = list(range(2, min(most, _EVERY_K_UP_TO) + 1))
    while numbers and numbers[-1] < most:
        numbers.append(min(most, round(numbers[-1] * 1.1)))
    return numbers if n >= 4 else []


def _silhouette(points: Points, clusters: Clusters, samples: list[NDArray[np.int64]]) -> tuple[float, float]:
    """Mean over the samples and their standard deviation; NaN where a sample has one cluster or only single rows."""
    from sklearn import config_context
    from sklearn.metrics import silhouette_score

    scores = []
    with config_context(working_memory=64):
        for sample in samples:
            sensible = 1 < len(np.unique(clusters[sample])) < len(sample)
            scores.append(silhouette_score(points[sample], clusters[sample]) if sensible else np.nan)
    return float(np.mean(scores)), float(np.std(scores))


def _level(curve: pd.DataFrame) -> int:
    """The K that `choose_k` explains."""
    if curve.empty:
        return 1
    height, spread = curve["silhouette"].to_numpy(), curve["spread"].to_numpy()
    rises = np.diff(height, prepend=-np.inf) > 0
    peaks = [at for at in range(len(height) - 1) if rises[at] and height[at] > height[at + 1]]
    clear = [at for at in peaks if height[at] >= _STILL_CLEAR * height.max()]
    if not clear:
        return int(curve["k"][np.flatnonzero(height >= height.max() - (1 - _AS_GOOD) * abs(height.max()))[0]])
    best = max(clear, key=lambda at: height[at])
    finer = [at for at in clear if at > best and _rise(height, best, at) >= max(_STANDS_OUT, 2 * spread[at])]
    chosen = max(finer, key=lambda at: height[at]) if finer else best
    return int(curve["k"][chosen])


def _rise(height: Points, start: int, end: int) -> float:
    """How far a peak rises above the lowest point between it and an earlier one."""
    return float(height[end] - height[start:end].min())


def _kmeans(points: Points, n_clusters: int, seed: int, restarts: int) -> NDArray[Any]:
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if len(points) < _MINI_BATCHES_FROM:
        return np.asarray(KMeans(n_clusters, n_init=restarts, random_state=seed).fit_predict(points))
    tries = [
        MiniBatchKMeans(n_clusters, batch_size=_BATCH, n_init=restarts, random_state=seed + attempt).fit(points)
        for attempt in range(max(1, restarts // 3))
    ]
    return np.asarray(min(tries, key=lambda found: float(found.inertia_)).labels_)


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
    "kmeans": _kmeans,
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


def _checked(points: ArrayLike) -> Points:
    given = np.asarray(points)
    rows: Points = np.ascontiguousarray(given, np.float32 if given.shape[:1] >= (_FITTED_FROM,) else np.float64)
    if rows.ndim != 2 or not rows.size:
        raise SettingError(f"points have the shape {rows.shape}, expected (n, d) with at least one image")
    if not np.isfinite(rows).all():
        raise SettingError("points hold NaN or infinity, expected finite numbers")
    return rows


@contextmanager
def _repeatably() -> Iterator[None]:
    """One OpenMP thread, for the sums of several come in any order; and no advice a user cannot follow."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):
        warnings.simplefilter("ignore")
        yield
