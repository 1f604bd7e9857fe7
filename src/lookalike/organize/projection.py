"""Embeddings become a map of two dimensions, or a manifold of a few in which clusters stand apart."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError

Layout = NDArray[np.float32]
Neighbors = tuple[NDArray[np.int64], NDArray[np.float32]]
Progress = Callable[[str, int, int, str], None]

_PERPLEXITY = 30
_TOO_FEW_FOR_TSNE = 7  # below, a perplexity of 2 has no neighbours to go by
_TOO_FEW_FOR_UMAP = 16  # below, its spectral start has no room
_FFT_FROM = 20_000  # images; below, Barnes and Hut's trees are faster
_MAP_NEIGHBORS = 15
_MANIFOLD_NEIGHBORS = 20
_MANIFOLD_DIM = 10
_STAGES = ((250, 12.0, 0.5), (500, 1.0, 0.8))  # t-SNE's iterations, exaggeration, momentum
_ENOUGH_TO_EXAGGERATE = 100  # images; exaggerated, the attraction of fewer can draw them all into one point
_PLAIN = ((750, 1.0, 0.8),)


def project(
    embeddings: ArrayLike,
    method: str = "tsne",
    *,
    seed: int = 0,
    neighbors: Neighbors | None = None,
    n_components: int = 2,
    progress: Progress | None = None,
) -> Layout:
    """Lay images out so that those which look alike are close.

    `pca` keeps the two directions of largest variance: linear, seconds for any number of images, good at the coarse
    order and blind to what is curved. `tsne` keeps neighbourhoods (van der Maaten and Hinton, JMLR 2008; started from
    PCA as in Kobak and Berens, Nature Communications 2019; learning rate by Belkina et al., 2019): separate islands,
    whose mutual distances mean little. `umap` (McInnes et al., 2018) is similar, with tighter islands; with a seed it
    uses one thread, and its first call in a process compiles for up to 35 seconds. All give the same answer for the
    same seed. With fewer images than t-SNE (7) or UMAP (16) can work with, or identical ones only, PCA is used.

    Args:
        embeddings: float32 (n, d), finite.
        method: "pca", "tsne" or "umap".
        seed: of everything random; another seed gives another, equally good layout.
        neighbors: exact Euclidean neighbours, row numbers (n, k) and distances (n, k), nearest first, each row's own
            number first. t-SNE uses up to 91 of them, UMAP up to 15; fewer make for a more local view. None computes
            what is needed here, which costs n² distances.
        n_components: dimensions of the layout; t-SNE can only do 2.
        progress: is called as `progress("project", done, total, note)`.

    Returns:
        float32 (n, n_components), centred on 0.

    Raises:
        SettingError: an unknown method, arrays that do not fit or are not finite, n_components the method cannot do.
    """
    points = _checked(embeddings, neighbors)
    report = progress or (lambda *_: None)
    if method not in _METHODS:
        raise SettingError(f"projection {method!r} is unknown, expected one of {', '.join(_METHODS)}")
    if n_components < 1 or (method == "tsne" and n_components != 2):
        raise SettingError(f"n_components is {n_components}: t-SNE lays out 2 dimensions, the others 1 or more")
    fewest, function = _METHODS[method]
    if len(points) < max(fewest, n_components + 3) or not np.ptp(points, axis=0).any():
        function = _pca
    layout = function(points, n_components, seed, neighbors, report)
    return np.ascontiguousarray(layout - layout.mean(axis=0, dtype=np.float64), np.float32)


def manifold(embeddings: ArrayLike, *, seed: int = 0, neighbors: Neighbors | None = None) -> Layout:
    """Pull clusters apart before clustering: UMAP into 10 dimensions, or as many as the embedding has if fewer.

    Points of one dense region are drawn together (min_dist 0) over 20 neighbours, so that methods which expect round
    clusters find them (N2D, McConville et al., ICPR 2020). It is for clustering, not for search: distances between
    clusters are lost. Cost, seed and first-use compilation as with `project(method="umap")`.

    Args:
        embeddings: float32 (n, d), finite.
        seed: of everything random.
        neighbors: as in `project`; 20 of them are used.

    Returns:
        float32 (n, min(10, d)). Fewer than 16 images, or identical ones only, are left to PCA.

    Raises:
        SettingError: arrays that do not fit or are not finite.
    """
    points = _checked(embeddings, neighbors)
    dim = min(_MANIFOLD_DIM, points.shape[1])
    if len(points) < _TOO_FEW_FOR_UMAP or not np.ptp(points, axis=0).any():
        return _pca(points, dim)
    layout = _fit_umap(points, dim, seed, neighbors, n_neighbors=_MANIFOLD_NEIGHBORS, min_dist=0.0)
    return np.ascontiguousarray(layout, np.float32)


def _pca(points: Layout, n_components: int, seed: int = 0, *_: Any) -> Layout:
    """Principal components, each with its largest coefficient positive; zeros where there are no more."""
    from sklearn.decomposition import PCA

    possible = min(n_components, *points.shape)
    layout = np.zeros((len(points), n_components), np.float32)
    if np.ptp(points, axis=0).any():
        layout[:, :possible] = PCA(possible, random_state=seed).fit_transform(points.astype(np.float64))
    return layout


def _tsne(points: Layout, n_components: int, seed: int, neighbors: Neighbors | None, report: Progress) -> Layout:
    from openTSNE import TSNEEmbedding, affinity, initialization
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    stages = _STAGES if len(points) >= _ENOUGH_TO_EXAGGERATE else _PLAIN
    total = sum(stage[0] for stage in stages)
    report("project", 0, total, "neighbours")
    indices, distances = _nearest(points, neighbors, 3 * _PERPLEXITY + 1)
    jobs = _usable_cores()
    with _quietly():
        known = PrecomputedNeighbors(
            np.ascontiguousarray(indices[:, 1:], np.int64), np.ascontiguousarray(distances[:, 1:], np.float64)
        )
        start = initialization.pca(points.astype(np.float64), n_components, random_state=seed)
        layout = TSNEEmbedding(
            start,
            affinity.PerplexityBasedNN(knn_index=known, perplexity=min(_PERPLEXITY, known.k / 3), n_jobs=jobs),
            negative_gradient_method="fft" if len(points) >= _FFT_FROM else "bh",
            n_jobs=jobs,
            random_state=seed,
        )
        done = 0
        for iterations, exaggeration, momentum in stages:
            layout.optimize(
                iterations,
                inplace=True,
                exaggeration=exaggeration,
                momentum=momentum,
                use_callbacks=True,
                callbacks=[_reporter(report, done, total)],
                callbacks_every_iters=10 if len(points) >= _FFT_FROM else 50,
            )
            done += iterations
    return np.asarray(layout, np.float32)


def _reporter(report: Progress, done: int, total: int) -> Callable[[int, float, Any], None]:
    """A callback of openTSNE that passes on how far it is; one that returns None lets it go on."""

    def tell(iteration: int, divergence: float, _layout: Any) -> None:
        report("project", done + iteration, total, f"divergence {divergence:.2f}")

    return tell


def _umap(points: Layout, n_components: int, seed: int, neighbors: Neighbors | None, report: Progress) -> Layout:
    report("project", 0, 1, "UMAP")
    layout = _fit_umap(points, n_components, seed, neighbors, n_neighbors=_MAP_NEIGHBORS, min_dist=0.1)
    report("project", 1, 1, "UMAP")
    return layout


def _fit_umap(
    points: Layout, dim: int, seed: int, neighbors: Neighbors | None, *, n_neighbors: int, min_dist: float
) -> Layout:
    indices, distances = _nearest(points, neighbors, n_neighbors)
    with _quietly():
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=indices.shape[1],
            n_components=dim,
            min_dist=min_dist,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(np.ascontiguousarray(indices), np.ascontiguousarray(distances, np.float32)),
        )
        return np.asarray(reducer.fit_transform(points), np.float32)


_METHODS: dict[str, tuple[int, Callable[..., Layout]]] = {
    "pca": (1, _pca),
    "tsne": (_TOO_FEW_FOR_TSNE, _tsne),
    "umap": (_TOO_FEW_FOR_UMAP, _umap),
}


PROJECTIONS = tuple(_METHODS)
"""The methods that `project` knows."""


def _nearest(points: Layout, neighbors: Neighbors | None, k: int) -> Neighbors:
    """The first k of the given neighbours, or as many as there are; computed where none are given. Itself first."""
    k = min(k, len(points))
    if neighbors is not None:
        return np.asarray(neighbors[0])[:, :k], np.asarray(neighbors[1])[:, :k]
    from sklearn.neighbors import NearestNeighbors

    others = NearestNeighbors(n_neighbors=k - 1, algorithm="brute").fit(points).kneighbors()
    own = np.arange(len(points))[:, None]
    return np.hstack([own, others[1]]), np.hstack([np.zeros((len(points), 1)), others[0]]).astype(np.float32)


def _checked(embeddings: ArrayLike, neighbors: Neighbors | None) -> Layout:
    """The embeddings as float32 (n, d), after a look at both arguments."""
    points = np.ascontiguousarray(embeddings, np.float32)
    if points.ndim != 2 or not points.size:
        raise SettingError(f"embeddings have the shape {points.shape}, expected (n, d) with at least one image")
    if not np.isfinite(points).all():
        raise SettingError("embeddings hold NaN or infinity, expected finite numbers")
    if neighbors is not None:
        shapes = [np.shape(part) for part in neighbors]
        if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][0] != len(points):
            raise SettingError(f"neighbors have the shapes {shapes}, expected indices and distances ({len(points)}, k)")
        if shapes[0][1] < min(4, len(points)):
            raise SettingError(f"neighbors hold {shapes[0][1]} for each image, expected at least 4, itself included")
    return points


def _usable_cores() -> int:
    """Cores that this process may use, or fewer where OMP_NUM_THREADS says so: openTSNE does not ask it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(wanted))) if wanted.isdigit() else cores


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the advice of libraries whose settings the user does not see."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
