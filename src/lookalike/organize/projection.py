"""Embeddings become a map of two dimensions, or a manifold of a few in which clusters stand apart."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError
from lookalike.organize.sampling import drawn, spread

Layout = NDArray[np.float32]
Neighbors = tuple[NDArray[np.int64], NDArray[np.float32]]
Progress = Callable[[str, int, int, str], None]

_PERPLEXITY = 30
_TOO_FEW_FOR_TSNE = 7  # below, a perplexity of 2 has no neighbours to go by
_TOO_FEW_FOR_UMAP = 16  # below, its spectral start has no room
_FFT_FROM = 20_000  # images; below, Barnes and Hut's trees are faster
_MAP_NEIGHBORS = 15
_ISLANDS = (0.4, 0.5)  # shares of neighbours' neighbours that are neighbours, too, beyond chance
_MANIFOLD_NEIGHBORS = (20, 50)  # up to the first of these shares, and from the second on
_MANIFOLD_SHARE = 10  # one of so many images is a neighbour at most, beyond the 20
_ASKED = 2_000  # images whose neighbours are asked for theirs
_MANIFOLD_DIM = 10
_SAMPLED_FROM = 50_000  # images; from there on a layout is fitted on some, and the rest carried along
_SAMPLE = 20_000
_CARRIED_PERPLEXITY = 10  # among all images, as near as 30 among a third of them
_CARRIED_STAGES = ((50, 4.0, 0.5), (100, 1.0, 0.8))
_CARRIED_EPOCHS, _CARRIED_STEP = 50, 0.5  # UMAP's, and how far it moves points at first; a whole fit starts with 1
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
    same seed. From 50,000 images on t-SNE and UMAP are fitted on 20,000 drawn at random; each of the rest is put amid
    its nearest neighbours, and all of them are optimised a little longer (as Kobak and Berens do for large data):
    the neighbours are kept about as well, in a fraction of the time (benchmarks/scale).
    With fewer images than t-SNE (7) or UMAP (16) can work with, or identical ones only, PCA is used.

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
    clusters find them (N2D, McConville et al., ICPR 2020). Where an image's neighbours are each other's, up to 50
    count, a tenth of all at most: each of such islands would be drawn together, and it would be left to chance which of
    them lie side by side. From 50,000 images on it is always 20. It is for clustering, not for search: distances
    between clusters are lost. Seed and first-use compilation as with `project(method="umap")`, and the cost, half as
    much again where 50 count.

    Args:
        embeddings: float32 (n, d), finite.
        seed: of everything random.
        neighbors: as in `project`; up to 50 of them are used, from 50,000 images on up to 91.

    Returns:
        float32 (n, min(10, d)). Fewer than 16 images, or identical ones only, are left to PCA.

    Raises:
        SettingError: arrays that do not fit or are not finite.
    """
    points = _checked(embeddings, neighbors)
    dim = min(_MANIFOLD_DIM, points.shape[1])
    if len(points) < _TOO_FEW_FOR_UMAP or not np.ptp(points, axis=0).any():
        return _pca(points, dim)
    n_neighbors = fewest = _MANIFOLD_NEIGHBORS[0]
    if fitted_on(len(points), "umap") == len(points):
        neighbors = _nearest(points, neighbors, _MANIFOLD_NEIGHBORS[1])
        wanted = round(float(np.interp(_insular(neighbors[0][:, :fewest]), _ISLANDS, _MANIFOLD_NEIGHBORS)))
        n_neighbors = max(fewest, min(wanted, len(points) // _MANIFOLD_SHARE))
    layout = _fit_umap(points, dim, seed, neighbors, n_neighbors=n_neighbors, min_dist=0.0)
    return np.ascontiguousarray(layout, np.float32)


def _insular(nearest: NDArray[np.integer[Any]]) -> float:
    """The share of images' neighbours' neighbours that are their neighbours, too, beyond what chance would make it.

    By rows (n, k), each image's nearest, itself first.
    """
    rows = drawn(len(nearest), _ASKED, 0)
    chance: float = nearest.shape[1] / len(nearest)
    others = nearest[rows, 1:]
    theirs = nearest[others, 1:].reshape(len(rows), -1)
    share = float(np.mean([np.isin(found, own).mean() for found, own in zip(theirs, others, strict=True)]))
    return (share - chance) / max(1 - chance, 1e-9)


def _pca(points: Layout, n_components: int, seed: int = 0, *_: Any) -> Layout:
    """Principal components, each with its largest coefficient positive; zeros where there are no more."""
    from sklearn.decomposition import PCA

    possible = min(n_components, *points.shape)
    layout = np.zeros((len(points), n_components), np.float32)
    if not np.ptp(points, axis=0).any():
        return layout
    if len(points) >= _SAMPLED_FROM:
        axes, centre = _axes(points, possible)
        for start in range(0, len(points), _SAMPLE):
            layout[start : start + _SAMPLE, :possible] = (points[start : start + _SAMPLE] - centre) @ axes
    else:
        layout[:, :possible] = PCA(possible, random_state=seed).fit_transform(points.astype(np.float64))
    return layout


def _axes(points: Layout, possible: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same directions (d, possible), and the mean, without a copy of all points in double precision."""
    centre = points.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((len(centre), len(centre)))
    for start in range(0, len(points), _SAMPLE):
        centred = points[start : start + _SAMPLE] - centre
        scatter += centred.T @ centred
    axes = np.linalg.eigh(scatter)[1][:, ::-1][:, :possible]
    largest = np.abs(axes).argmax(axis=0)
    return axes * np.sign(axes[largest, np.arange(possible)]), centre


def fitted_on(n: int, method: str) -> int:
    """How many of n images a projection, or the `manifold` ("umap"), is fitted on; the rest are carried along."""
    return n if n < _SAMPLED_FROM or method == "pca" else min(n, _SAMPLE)


def _tsne(points: Layout, n_components: int, seed: int, neighbors: Neighbors | None, report: Progress) -> Layout:
    from openTSNE import initialization

    n, some = len(points), fitted_on(len(points), "tsne")
    stages = _STAGES if n >= _ENOUGH_TO_EXAGGERATE else _PLAIN
    fits = [(stages, _PERPLEXITY)] if some == n else [(stages, _PERPLEXITY), (_CARRIED_STAGES, _CARRIED_PERPLEXITY)]
    total = sum(stage[0] for stages, _ in fits for stage in stages)
    report("project", 0, total, "neighbours")
    chosen = drawn(n, some, seed)
    fitted = points if some == n else points[chosen]
    start = initialization.pca(fitted.astype(np.float64), n_components, random_state=seed)
    known = _nearest(fitted, neighbors if some == n else None, 3 * _PERPLEXITY + 1)
    layout = _optimised(start, known, *fits[0], seed, _continued(report, 0, total))
    if some == n:
        return layout
    known = _nearest(points, neighbors, 3 * _PERPLEXITY + 1)
    start = spread(layout, chosen, known[0][:, 1:], seed).astype(np.float64)
    few = known[0][:, : 3 * _CARRIED_PERPLEXITY + 1], known[1][:, : 3 * _CARRIED_PERPLEXITY + 1]
    return _optimised(start, few, *fits[1], seed, _continued(report, sum(stage[0] for stage in stages), total))


def _optimised(
    start: NDArray[np.float64],
    neighbors: Neighbors,
    stages: Sequence[tuple[int, float, float]],
    perplexity: int,
    seed: int,
    report: Callable[[int, str], None],
) -> Layout:
    """A layout that t-SNE has moved from where it started, by stages of iterations, exaggeration and momentum."""
    from openTSNE import TSNEEmbedding, affinity
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    jobs, large, done = _usable_cores(), len(start) >= _FFT_FROM, 0
    indices, distances = neighbors
    with _quietly():
        known = PrecomputedNeighbors(
            np.ascontiguousarray(indices[:, 1:], np.int64), np.ascontiguousarray(distances[:, 1:], np.float64)
        )
        layout = TSNEEmbedding(
            start,
            affinity.PerplexityBasedNN(knn_index=known, perplexity=min(perplexity, known.k / 3), n_jobs=jobs),
            negative_gradient_method="fft" if large else "bh",
            n_jobs=jobs,
            random_state=seed,
        )
        for iterations, exaggeration, momentum in stages:
            layout.optimize(
                iterations,
                inplace=True,
                exaggeration=exaggeration,
                momentum=momentum,
                use_callbacks=True,
                callbacks=[_reporter(report, done)],
                callbacks_every_iters=10 if large else 50,
            )
            done += iterations
    return np.asarray(layout, np.float32)


def _continued(report: Progress, done: int, total: int) -> Callable[[int, str], None]:
    return lambda more, note: report("project", done + more, total, note)


def _reporter(report: Callable[[int, str], None], done: int) -> Callable[[int, float, Any], None]:
    """A callback of openTSNE that passes on how far it is; one that returns None lets it go on."""

    def tell(iteration: int, divergence: float, _layout: Any) -> None:
        report(done + iteration, f"divergence {divergence:.2f}")

    return tell


def _umap(points: Layout, n_components: int, seed: int, neighbors: Neighbors | None, report: Progress) -> Layout:
    report("project", 0, 1, "UMAP")
    layout = _fit_umap(points, n_components, seed, neighbors, n_neighbors=_MAP_NEIGHBORS, min_dist=0.1)
    report("project", 1, 1, "UMAP")
    return layout


def _fit_umap(
    points: Layout, dim: int, seed: int, neighbors: Neighbors | None, *, n_neighbors: int, min_dist: float
) -> Layout:
    n, some = len(points), fitted_on(len(points), "umap")
    if some < n:
        chosen = drawn(n, some, seed)
        layout = _fit_umap(points[chosen], dim, seed, None, n_neighbors=n_neighbors, min_dist=min_dist)
        known = _nearest(points, neighbors, 3 * _PERPLEXITY + 1)
        layout = spread(layout, chosen, known[0][:, 1:], seed)
        return _carried(layout, known, seed, n_neighbors=n_neighbors, min_dist=min_dist)
    indices, distances = _nearest(points, neighbors, n_neighbors)
    with _quietly():
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=indices.shape[1],
            n_components=dim,
            min_dist=min_dist,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(indices.copy(), distances.astype(np.float32)),  # it writes to them
        )
        return np.asarray(reducer.fit_transform(points), np.float32)


def _carried(layout: Layout, neighbors: Neighbors, seed: int, *, n_neighbors: int, min_dist: float) -> Layout:
    """What UMAP's last epochs make of a layout: `UMAP` itself would stretch where it starts from to a fixed size."""
    indices, distances = (np.ascontiguousarray(part[:, :n_neighbors]) for part in neighbors)
    state = np.random.RandomState(seed)
    with _quietly():
        from umap.layouts import optimize_layout_euclidean
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, make_epochs_per_sample

        graph = fuzzy_simplicial_set(
            layout, indices.shape[1], state, "euclidean", knn_indices=indices, knn_dists=distances
        )[0].tocoo()
        strong = graph.data >= graph.data.max() / _CARRIED_EPOCHS  # the others' turn would never come
        optimize_layout_euclidean(
            layout,
            layout,
            graph.row[strong],
            graph.col[strong],
            _CARRIED_EPOCHS,
            len(layout),
            make_epochs_per_sample(graph.data[strong], _CARRIED_EPOCHS),
            *find_ab_params(1.0, min_dist),
            state.randint(np.iinfo(np.int32).min + 1, np.iinfo(np.int32).max, 3).astype(np.int64),
            initial_alpha=_CARRIED_STEP,
            move_other=True,
        )
    return layout


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
