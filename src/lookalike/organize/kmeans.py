"""k-means, and which of its many results to keep: the tightest, or the one that fits the links between neighbours.

In a `manifold` distances between clusters mean little, and k-means, which goes by them, ends in one of many optima that
are all about as tight. Links tell these apart. They also tell where to look for a better one: clusters whose halves are
hardly linked should be split, clusters that are much linked be joined (split and merge; Ueda et al., *SMEM algorithm
for mixture models*, Neural Computation 2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.organize.links import Rows, gains_of_joining, links_between, merged, modularity

Points = NDArray[np.floating[Any]]
Labels = NDArray[Any]

RESTARTS = 10
_LINKED_RESTARTS = 80  # at the most, where links judge them: the best is seldom found
_LINKED_WORK = 100_000_000  # rows times clusters, over all of these restarts
_MINI_BATCHES_FROM = 100_000  # rows; below, k-means looks at all of them in every step
_BATCH = 10_000
_FEWEST_LINKS, _MOST_LINKS = 5, 20  # nearest neighbours whose links tell which of k-means' tries is best
_RESOLUTION = 1.4  # of modularity; see `links.modularity`
_PIECES, _MOST_PIECES = 3, 3_000  # for each cluster, and in all, that links merge
_SMALLEST_PIECE = 10  # images, on average
_IMPROVED = 16  # of so many restarts one is improved by exchanges
_MOST_EXCHANGED = 1_500  # clusters; of more, or of smaller ones than a piece, none are exchanged
_ROUNDS, _PROPOSALS = 10, 5  # of exchanges at most, and how many are tried in each
_MORE = 1e-9  # modularity that is more than rounding


def by_inertia(points: Points, n_clusters: int, seed: int, restarts: int) -> Labels:
    """The try that lies closest around its centres."""
    found = min(_tries(points, n_clusters, seed, restarts), key=lambda tried: float(tried.inertia_))
    return np.asarray(found.labels_)


def by_links(points: Points, n_clusters: int, seed: int, linked: Rows) -> Labels:
    """The try with the largest modularity, once the best of them have been improved by exchanges.

    One of the tries starts from what the links merge. ``linked``: each row's nearest others, (n, k).
    """
    restarts = linked_restarts(len(points), n_clusters)
    tries = [*_tries(points, n_clusters, seed, restarts), *_from_merged(points, n_clusters, seed, linked)]
    near = linked[:, : judging_links(len(points), n_clusters)]
    best = _best_different(tries, near, n_clusters)[: max(1, restarts // _IMPROVED)]
    if n_clusters > _MOST_EXCHANGED or len(points) < _SMALLEST_PIECE * n_clusters:
        return best[0]
    improved = [exchanged(points, clusters, near, n_clusters, seed) for clusters in best]
    return max(improved, key=lambda clusters: _held(clusters, near, n_clusters))


def linked_restarts(n: int, n_clusters: int) -> int:
    """How many restarts links choose from: 80, of large sets with many clusters down to 10."""
    return min(max(_LINKED_WORK // (n * n_clusters), RESTARTS), _LINKED_RESTARTS)


def judging_links(n: int, n_clusters: int) -> int:
    """How many neighbours' links judge: a fifth of a cluster's images, 5 to 20; more would lead out of small ones."""
    return min(max(n // (5 * n_clusters), _FEWEST_LINKS), _MOST_LINKS)


def exchanged(
    points: Points, clusters: Labels, near: Rows, n_clusters: int, seed: int, *, resolution: float = _RESOLUTION
) -> Labels:
    """Splits one cluster and joins two others, or moves a half to another cluster, as long as modularity grows.

    After each exchange k-means goes on from the new centres. The result has at least the modularity of ``clusters``.
    """
    held = modularity(clusters, near, n_clusters, resolution=resolution)
    for _ in range(_ROUNDS):
        for start in _exchanges(points, clusters, near, n_clusters, seed, resolution):
            found = np.asarray(_from_clusters(points, start, n_clusters, seed).labels_)
            if (more := modularity(found, near, n_clusters, resolution=resolution)) > held + _MORE:
                clusters, held = found, more
                break
        else:
            break
    return clusters


def _held(clusters: Labels, near: Rows, n_clusters: int) -> float:
    return modularity(clusters, near, n_clusters, resolution=_RESOLUTION)


def _best_different(tries: list[Any], near: Rows, n_clusters: int) -> list[Labels]:
    """Clusters of the tries, those with the largest modularity first; each once."""
    held = [(_held(tried.labels_, near, n_clusters), -float(tried.inertia_)) for tried in tries]
    best: list[int] = []
    for number in sorted(range(len(tries)), key=lambda number: held[number], reverse=True):
        if not best or held[best[-1]][0] - held[number][0] > _MORE:
            best.append(number)
    return [np.asarray(tries[number].labels_) for number in best]


def _exchanges(
    points: Points, clusters: Labels, near: Rows, n_clusters: int, seed: int, resolution: float
) -> Iterator[Labels]:
    """The exchanges that promise most, by links alone: clusters (n,) from which k-means can go on."""
    pieces = _halved(points, clusters, n_clusters, seed)
    gains = gains_of_joining(links_between(pieces, near, 2 * n_clusters), resolution)
    gains = gains.reshape(n_clusters, 2, n_clusters, 2)
    numbers = np.arange(n_clusters)
    of_split = -gains[numbers, 0, numbers, 1]
    proposals = [*_splits_and_joins(gains.sum(axis=(1, 3)), of_split), *_moves_of_halves(gains.sum(axis=3), of_split)]
    proposals.sort(key=lambda proposal: proposal[0], reverse=True)
    starts = (_after(moved, pieces, n_clusters) for _, moved in proposals)
    return islice((start for start in starts if np.bincount(start, minlength=n_clusters).all()), _PROPOSALS)


Proposal = tuple[float, dict[int, int]]
"""By how much modularity would change, and which pieces go to which cluster; the halves of cluster c are 2c, 2c + 1."""


def _after(moved: dict[int, int], pieces: NDArray[np.int64], n_clusters: int) -> Labels:
    """The cluster of each row when some pieces have gone to other clusters."""
    goes_to = np.repeat(np.arange(n_clusters), 2)
    goes_to[list(moved)] = list(moved.values())
    clusters: Labels = goes_to[pieces]
    return clusters


def _splits_and_joins(of_joining: NDArray[np.float64], of_split: NDArray[np.float64]) -> Iterator[Proposal]:
    """For each cluster that it is split, and that the two others are joined of which that promises most.

    ``of_joining`` (k, k) and ``of_split`` (k,) are what modularity would gain.
    """
    n_clusters = len(of_joining)
    first, second = np.triu_indices(n_clusters, 1)
    order = np.argsort(-of_joining[first, second], kind="stable")[:n_clusters]  # a cluster is in only k - 1 pairs
    pairs = [(int(first[pair]), int(second[pair])) for pair in order]
    for split in range(n_clusters):
        for one, other in pairs:
            if split not in (one, other):
                moved = {2 * other: one, 2 * other + 1: one, 2 * split + 1: other}
                yield float(of_split[split] + of_joining[one, other]), moved
                break


def _moves_of_halves(of_joining: NDArray[np.float64], of_split: NDArray[np.float64]) -> Iterator[Proposal]:
    """For each cluster that the half goes to another one of which that promises most; ``of_joining`` is (k, 2, k)."""
    for split in range(len(of_split)):
        gains = of_joining[split].copy()
        gains[:, split] = -np.inf
        half, to = np.unravel_index(int(gains.argmax()), gains.shape)
        yield float(of_split[split] + gains[half, to]), {2 * split + int(half): int(to)}


def _halved(points: Points, clusters: Labels, n_clusters: int, seed: int) -> NDArray[np.int64]:
    """Every cluster in two pieces, by k-means: 2c and 2c + 1 of cluster c."""
    pieces = 2 * clusters.astype(np.int64)
    for number in range(n_clusters):
        members = np.flatnonzero(clusters == number)
        if len(members) > 1:
            pieces[members] += _one_kmeans(points[members], 2, seed, starts=1).labels_
    return pieces


def _from_merged(points: Points, n_clusters: int, seed: int, linked: Rows) -> list[Any]:
    """A run that starts from what links have merged; none where there are too few rows, or different ones, for it."""
    n_pieces = min(_PIECES * n_clusters, _MOST_PIECES, len(points) // _SMALLEST_PIECE)
    if n_pieces <= n_clusters:
        return []
    numbers, pieces = np.unique(_one_kmeans(points, n_pieces, seed, starts=1).labels_, return_inverse=True)
    if len(numbers) <= n_clusters:
        return []
    together = merged(links_between(pieces, linked, len(numbers)), n_clusters)[pieces]
    return [_from_clusters(points, together, n_clusters, seed)]


def _from_clusters(points: Points, clusters: Labels, n_clusters: int, seed: int) -> Any:
    """A run that starts from the centres of these clusters, of which none is empty."""
    centres = np.stack([points[clusters == number].mean(axis=0) for number in range(n_clusters)])
    return _one_kmeans(points, n_clusters, seed, centres)


def _tries(points: Points, n_clusters: int, seed: int, restarts: int) -> Iterator[Any]:
    """k-means from several starts; fewer where there are so many rows that each looks at batches."""
    if len(points) < _MINI_BATCHES_FROM:
        random = np.random.RandomState(seed)
        return (_one_kmeans(points, n_clusters, random) for _ in range(restarts))
    return (_one_kmeans(points, n_clusters, seed + attempt) for attempt in range(max(1, restarts // 3)))


def _one_kmeans(
    points: Points, n_clusters: int, seed: Any, centres: Points | None = None, starts: int = RESTARTS
) -> Any:
    """One run, fitted, from k-means++ or from given centres (n_clusters, d).

    In mini batches, the best of so many ``starts``, which a first batch tells.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    start, starts = ("k-means++", starts) if centres is None else (centres, 1)
    if len(points) < _MINI_BATCHES_FROM:
        return KMeans(n_clusters, init=start, n_init=1, random_state=seed).fit(points)
    few_by_few = MiniBatchKMeans(n_clusters, init=start, batch_size=_BATCH, n_init=starts, random_state=seed)
    return few_by_few.fit(points)
