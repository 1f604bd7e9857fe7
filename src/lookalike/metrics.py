"""How good the clusters and the matches are, against labels and without them: pure functions on arrays.

Labels are integers, one per image; an image whose label is −1 has none and is left out everywhere but in the lists of
`recall_at`. Every score lies in 0..1 (the two adjusted ones may fall a little below 0, the silhouette to −1), and
larger is better.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError

_NONE = -1
_BLOCK_BYTES = 64 * 2**20
_BLOCK_ROWS = 50_000

Integers = NDArray[np.int64]


def clustering_accuracy(clusters: ArrayLike, labels: ArrayLike) -> float:
    """Share of images that are in the cluster matched with their label (ACC).

    Each cluster is matched with at most one label and each label with at most one cluster, in the way that makes the
    share largest (Hungarian method; Yang et al., CVPR 2010). With more clusters than labels, the images of the
    clusters left over count as errors. So do images in no cluster (−1): what was not sorted was not found.

    Args:
        clusters: integers (n,), −1 for none.
        labels: integers (n,), −1 for none.

    Raises:
        SettingError: the lengths differ, or no image has a label.
    """
    from scipy.optimize import linear_sum_assignment

    clusters, labels = _labelled(clusters, labels)
    sorted_out = clusters != _NONE
    counts = _contingency(clusters[sorted_out], labels[sorted_out])
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / len(labels))


def normalized_mutual_information(clusters: ArrayLike, labels: ArrayLike) -> float:
    """Mutual information of clusters and labels over the mean of their entropies (NMI, arithmetic mean).

    It grows by chance with the number of clusters; compare across different K with `adjusted_mutual_information`.
    Images in no cluster (−1) count as one cluster of their own. Arguments and errors as in `clustering_accuracy`.
    """
    from sklearn.metrics import normalized_mutual_info_score

    clusters, labels = _labelled(clusters, labels)
    return float(normalized_mutual_info_score(labels, clusters))


def adjusted_mutual_information(clusters: ArrayLike, labels: ArrayLike) -> float:
    """Mutual information corrected for chance: 0 for random clusters, 1 for the labels (AMI; Vinh et al., JMLR 2010).

    Images in no cluster (−1) count as one cluster of their own. Arguments and errors as in `clustering_accuracy`.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    clusters, labels = _labelled(clusters, labels)
    return float(adjusted_mutual_info_score(labels, clusters))


def adjusted_rand_index(clusters: ArrayLike, labels: ArrayLike) -> float:
    """Agreement on pairs of images, corrected for chance (ARI; Hubert and Arabie, 1985).

    Images in no cluster (−1) count as one cluster of their own. Arguments and errors as in `clustering_accuracy`.
    """
    from sklearn.metrics import adjusted_rand_score

    clusters, labels = _labelled(clusters, labels)
    return float(adjusted_rand_score(labels, clusters))


def precision_at(neighbors: ArrayLike, labels: ArrayLike, k: int = 10) -> float:
    """Share of the k nearest images that have the query's label, averaged over the queries (P@k).

    Args:
        neighbors: integers (n, m), the rows of the images nearest to each image, nearest first. The image itself may
            be among them and is passed over, so lists of m = k + 1 suffice when every image has a label.
        labels: integers (n,). Images without one (−1) are neither queries nor matches; lists must then be longer for
            k labelled ones to be in them, and a shorter list is judged by what is in it.
        k: how far down the list to look; a larger k asks more of the embedding, and a label with fewer than k + 1
            images cannot reach 1.

    Raises:
        SettingError: shapes that do not fit, k below 1 or beyond the lists, no image with a label.
    """
    return float(_precisions(neighbors, labels, k)[0].mean())


def precision_by_label(neighbors: ArrayLike, labels: ArrayLike, k: int = 10) -> dict[int, float]:
    """What `precision_at` is of the queries of each label, by its number; without labels that it cannot judge.

    Args and errors are those of `precision_at`. The mean over labels weighs a rare one as much as a frequent one.
    """
    precisions, queries = _precisions(neighbors, labels, k)
    return {int(label): float(precisions[queries == label].mean()) for label in np.unique(queries)}


def recall_at(neighbors: ArrayLike, labels: ArrayLike, k: int = 10) -> float:
    """Share of the images with the query's label that are among its k nearest, averaged over the queries (recall@k).

    For groups of near duplicates among other images: all images are in the list, also those without a label, and these
    count as wrong, while `precision_at` passes over them. A label with more than k + 1 images cannot reach 1. An image
    whose label no other image has is no query.

    Args:
        neighbors: integers (n, m), as in `precision_at`; m = k + 1 suffices.
        labels: integers (n,), −1 for none.
        k: how far down the list to look; a larger k finds more.

    Raises:
        SettingError: shapes that do not fit, k below 1 or beyond the lists, no label with two images.
    """
    lists, truth = _lists(neighbors, labels, k)
    _, label, size = np.unique(truth, return_inverse=True, return_counts=True)
    queries = np.flatnonzero((truth != _NONE) & (size[label] > 1)) if len(truth) else np.empty(0, np.int64)
    if not len(queries):
        raise SettingError("no two images share a label, so no search can find one by another: check the labels")
    nearest = _others(lists[queries], queries, k)
    found = (nearest != _NONE) & (truth[nearest] == truth[queries][:, None])
    return float((found.sum(axis=1) / (size[label[queries]] - 1)).mean())


def neighbor_agreement(neighbors: ArrayLike, others: ArrayLike, rows: ArrayLike, k: int = 10) -> float:
    """Share of the k nearest images in one list that are among the k nearest in another, averaged over the lists.

    1 when a change (another view of the picture, say) leaves the nearest what they are; k / n by chance. It says how
    steady a search is, not how right: an embedding that sees nothing but the background can be very steady.

    Args:
        neighbors: integers (q, m), rows of the images nearest to each of q images, nearest first.
        others: integers (q, m), the same after the change.
        rows: integers (q,), which images these are; they are passed over in both lists, so m should be k + 1.
        k: how far down the lists to look.

    Raises:
        SettingError: shapes that do not fit, no lists, or k below 1 or beyond the lists.
    """
    asked = np.asarray(rows)
    first, second = (_lists(lists, asked, k)[0] for lists in (neighbors, others))
    if not len(asked):
        raise SettingError("there are no lists of neighbors to compare")
    kept, again = _others(first, asked, k), _others(second, asked, k)
    shared = (kept[:, :, None] == again[:, None, :]).any(axis=2) & (kept != _NONE)
    return float((shared.sum(axis=1) / np.maximum((kept != _NONE).sum(axis=1), 1)).mean())


def silhouette(points: ArrayLike, clusters: ArrayLike, *, n_judged: int = 5000, seed: int = 0) -> float:
    """How much closer images are to their own cluster than to the next, −1 to 1 (Rousseeuw, 1987).

    It knows no labels, and compares clusterings of the same points; between points of different embeddings it also
    measures how much a manifold pulls anything apart.

    Args:
        points: floats (n, d), what was clustered.
        clusters: integers (n,); images in none (−1) are left out.
        n_judged: images drawn at random that are judged among each other; more give a steadier figure, and cost their
            square.
        seed: which are drawn.

    Returns:
        The mean over the images, NaN where fewer than two clusters are left, or only clusters of one.

    Raises:
        SettingError: the lengths differ.
    """
    from sklearn import config_context
    from sklearn.metrics import silhouette_score

    rows, found = np.asarray(points), np.asarray(clusters)
    if rows.ndim != 2 or found.shape != rows.shape[:1]:
        raise SettingError(f"points {rows.shape} and clusters {found.shape} do not fit: expected (n, d) and (n,)")
    judged = np.flatnonzero(found != _NONE)
    if len(judged) > n_judged:
        judged = np.sort(np.random.default_rng(seed).choice(judged, n_judged, replace=False))
    if not 1 < len(np.unique(found[judged])) < len(judged):
        return float("nan")
    with config_context(working_memory=64):
        return float(silhouette_score(rows[judged], found[judged]))


def knn_accuracy(neighbors: ArrayLike, labels: ArrayLike, k: int = 1) -> float:
    """Share of images whose label is the one that most of their k nearest images have (leave-one-out kNN).

    A tie goes to the label of the nearest image among the tied. Arguments and errors as in `precision_at`; a larger k
    smooths over single wrong neighbours, and favours labels with many images.
    """
    matches, ranked, queries = _ranked_labels(neighbors, labels, k)
    votes = ((matches[:, :, None] == matches[:, None, :]) & ranked[:, None, :]).sum(axis=2)  # (n, k) for each match
    winner = np.where(ranked, votes, -1).argmax(axis=1)  # the first of the largest: the nearest
    return float((matches[np.arange(len(matches)), winner] == queries).mean())


def mean_average_precision(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    n_queries: int | None = None,
    seed: int = 0,
    progress: Callable[..., None] | None = None,
) -> float:
    """Average precision of ranking all other images by Euclidean distance, averaged over the queries (mAP).

    The average precision of a query is the mean, over the images with its label, of the share of right images among
    all that are at most as far away (scikit-learn's `average_precision_score`; ties are so taken together, and the
    order of rows does not matter). An image whose label no other image has is no query. It costs n distances and a sort
    for each query, in blocks of bounded memory: some seconds for all of 10,000 images, minutes for those of 100,000.

    Args:
        embeddings: floats (n, d).
        labels: integers (n,); images without one (−1) are neither queries nor ranked.
        n_queries: judge only so many queries, drawn at random; None takes all. More give a steadier figure.
        seed: which queries are drawn.
        progress: is called as `progress("score", done, total)`.

    Raises:
        SettingError: shapes that do not fit, n_queries below 1, or no label with two images.
    """
    points = np.asarray(embeddings)
    truth = np.asarray(labels)
    if points.ndim != 2 or truth.shape != points.shape[:1]:
        raise SettingError(f"embeddings {points.shape} and labels {truth.shape} do not fit: expected (n, d) and (n,)")
    if n_queries is not None and n_queries < 1:
        raise SettingError(f"n_queries is {n_queries}, expected a positive number or None")
    if not (truth != _NONE).all():
        points, truth = points[truth != _NONE], truth[truth != _NONE]
    _, label, size = np.unique(truth, return_inverse=True, return_counts=True)
    queries = np.flatnonzero(size[label] > 1) if len(truth) else np.empty(0, np.int64)
    if not len(queries):
        raise SettingError("no two images share a label, so a ranking cannot be judged: check the labels")
    if n_queries is not None and n_queries < len(queries):
        queries = np.sort(np.random.default_rng(seed).choice(queries, n_queries, replace=False))
    found = []
    for precision in _average_precisions(points, truth, queries):
        found.append(precision)
        if progress:
            progress("score", len(found), len(queries))
    return float(np.mean(found))


def _average_precisions(points: NDArray[Any], truth: Integers, queries: Integers) -> Iterator[float]:
    """The average precision of each query, in turn."""
    centre = points.mean(axis=0, dtype=np.float64)
    squares = np.concatenate([(part**2).sum(axis=1) for _, part in _centred(points, centre)])
    grain = max(1e-11 * squares.max(), np.finfo(np.float64).tiny)  # rounding of the products must not break ties
    step = max(1, _BLOCK_BYTES // (8 * len(points)))
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        asked, distances = points[block] - centre, np.empty((len(block), len(points)))
        for rows, part in _centred(points, centre):
            distances[:, rows] = squares[rows] + squares[block, None] - 2 * asked @ part.T  # squared, (block, n)
        distances = np.rint(distances / grain)
        for query, row in zip(block, distances, strict=True):
            right = truth == truth[query]
            right[query] = False
            relevant = np.sort(row[right])
            others = np.sort(np.delete(row, query))
            hits = np.searchsorted(relevant, relevant, side="right")
            yield float(np.mean(hits / np.searchsorted(others, relevant, side="right")))


def _centred(points: NDArray[Any], centre: NDArray[np.float64]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """All the points from their centre in double precision, in parts: which rows, and these."""
    for start in range(0, len(points), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        yield rows, points[rows] - centre


def _precisions(neighbors: ArrayLike, labels: ArrayLike, k: int) -> tuple[NDArray[np.float64], Integers]:
    """Share of each query's k nearest labelled others that have its label (q,), and the queries' labels (q,)."""
    matches, ranked, queries = _ranked_labels(neighbors, labels, k)
    right = (matches == queries[:, None]) & ranked
    return right.sum(axis=1) / ranked.sum(axis=1), queries


def _ranked_labels(neighbors: ArrayLike, labels: ArrayLike, k: int) -> tuple[Integers, NDArray[np.bool_], Integers]:
    """Labels of the first k labelled others (q, k), which of these places are filled (q, k), and the queries' (q,)."""
    lists, truth = _lists(neighbors, labels, k)
    queries = np.flatnonzero(truth != _NONE)
    places = len(queries), min(k, lists.shape[1])
    matches, ranked = np.empty(places, truth.dtype), np.empty(places, np.bool_)
    for start in range(0, len(queries), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        near = lists[queries[part]]
        counted = (near != queries[part, None]) & (truth[near] != _NONE)
        order = np.argsort(~counted, axis=1, kind="stable")[:, :k]  # what counts first, in its order
        ranked[part] = np.take_along_axis(counted, order, axis=1)
        matches[part] = truth[np.take_along_axis(near, order, axis=1)]
    judged = ranked.any(axis=1)
    if not judged.any():
        raise SettingError("no image has a label and a labelled neighbor: check the labels")
    return matches[judged], ranked[judged], truth[queries][judged]


def _lists(neighbors: ArrayLike, labels: ArrayLike, k: int) -> tuple[Integers, Integers]:
    """Lists of neighbors (n, m) and the labels of whose they are (n,), once they fit each other and k."""
    lists, truth = np.asarray(neighbors), np.asarray(labels)
    if lists.ndim != 2 or truth.shape != lists.shape[:1]:
        raise SettingError(f"neighbors {lists.shape} and labels {truth.shape} do not fit: expected (n, m) and (n,)")
    if not 1 <= k < max(lists.shape[1] + 1, 2):
        raise SettingError(f"k is {k}, but each list of neighbors holds {lists.shape[1]}: expected 1 to that")
    return lists, truth


def _others(lists: Integers, queries: Integers, k: int) -> Integers:
    """The first k of each list (q, m) that are not the query itself: (q, k), −1 where there are no more."""
    found = np.empty((len(lists), min(k, lists.shape[1])), lists.dtype)
    for start in range(0, len(lists), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        others = lists[part] != queries[part, None]
        order = np.argsort(~others, axis=1, kind="stable")[:, :k]
        near = np.take_along_axis(lists[part], order, axis=1)
        found[part] = np.where(np.take_along_axis(others, order, axis=1), near, _NONE)
    return found


def _labelled(clusters: ArrayLike, labels: ArrayLike) -> tuple[Integers, Integers]:
    """Clusters and labels of the images that have a label."""
    found, truth = np.asarray(clusters), np.asarray(labels)
    if found.ndim != 1 or found.shape != truth.shape:
        raise SettingError(f"clusters {found.shape} and labels {truth.shape} do not fit: expected (n,) twice")
    known = truth != _NONE
    if not known.any():
        raise SettingError("no image has a label, so the clusters cannot be scored: check the labels")
    return found[known], truth[known]


def _contingency(clusters: Integers, labels: Integers) -> Integers:
    """How many images each pair of cluster and label shares, (clusters, labels)."""
    names, row = np.unique(clusters, return_inverse=True)
    kinds, column = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(kinds)), np.int64)
    np.add.at(counts, (row, column), 1)
    return counts
