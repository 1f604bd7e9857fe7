"""How good a library is: its clusters and its search against labels, and its search without any."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lookalike import metrics
from lookalike.search import ranked

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.pipeline.library import Library

LABELLED = ("precision_at_10", "knn_accuracy", "map", "acc", "nmi", "ari")
"""The scores of a comparison where there are labels."""
UNLABELLED = ("view_agreement", "silhouette")
"""Those of one without."""
BY_LABEL = ["label", "images", "precision_at_10", "cluster", "share_in_cluster", "share_of_cluster"]
"""The scores of each label."""
NEAREST = 10
"""How far down the list of an image's nearest the scores look."""
LISTED = 51
"""Neighbours that are listed, itself included: ten labelled ones should be among them where some have no label."""
MOST_QUERIES, FEWEST_QUERIES, MOST_RANKED = 5_000, 500, 250_000_000
"""Images for which the mean average precision is computed, which takes a full ranking of each: 5,000, of more than
50,000 images so many fewer that no more distances are sorted, but 500."""
MOST_VIEWED = 1_000
"""Images of which another view is taken."""
BATCH = 128
"""Views that are in memory at once."""


def cluster_scores(clusters: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Agreement of clusters with label numbers, ints (n,) each, −1 for none: acc, nmi, ari, ami."""
    return {
        "acc": metrics.clustering_accuracy(clusters, codes),
        "nmi": metrics.normalized_mutual_information(clusters, codes),
        "ari": metrics.adjusted_rand_index(clusters, codes),
        "ami": metrics.adjusted_mutual_information(clusters, codes),
    }


def found_neighbors(library: "Library") -> np.ndarray:
    """Rows of each image's nearest, itself first, in the order in which it finds them: ints (n, ≤51).

    Those that the library keeps, ranked again where what is searched is averaged: of the true ten nearest by that
    hardly one is not among them.
    """
    rows = library.neighbors[0][:, :LISTED]
    return ranked(library.embeddings, rows)[0] if library.averages else np.asarray(rows)


def search_scores(
    nearest: np.ndarray, embeddings: np.ndarray, codes: np.ndarray, progress: Callable[..., None] | None = None
) -> dict[str, float]:
    """How well images with a label, numbers (n,), find each other by embeddings (n, dim): ``nearest`` (n, k)."""
    neighbors = np.asarray(nearest)[:, :LISTED]
    k = min(NEAREST, neighbors.shape[1] - 1)
    queries = min(MOST_QUERIES, max(FEWEST_QUERIES, MOST_RANKED // len(codes)))
    return {
        "precision_at_10": metrics.precision_at(neighbors, codes, k),
        "recall_at_10": metrics.recall_at(neighbors, codes, k),
        "knn_accuracy": metrics.knn_accuracy(neighbors, codes, 1),
        "knn_accuracy_10": metrics.knn_accuracy(neighbors, codes, k),
        "map": metrics.mean_average_precision(embeddings, codes, n_queries=queries, progress=progress),
    }


def scores_by_label(
    nearest: np.ndarray, clusters: np.ndarray, codes: np.ndarray, classes: np.ndarray
) -> "pd.DataFrame":
    """How well each label does, best first, by ``nearest`` (n, k), clusters and label numbers (n,), and what they mean.

    Columns: label, images, precision_at_10 (NaN where it is the only label), cluster that holds most of its images, −1
    for none, share of them that it holds, and which share of that cluster they are.
    """
    import pandas as pd

    neighbors = np.asarray(nearest)[:, :LISTED]
    found = metrics.precision_by_label(neighbors, codes, min(NEAREST, neighbors.shape[1] - 1))
    rows = []
    for code, label in enumerate(classes):
        of_it = clusters[codes == code]
        numbers, counts = np.unique(of_it[of_it >= 0], return_counts=True)
        cluster, held = (int(numbers[counts.argmax()]), int(counts.max())) if len(numbers) else (-1, 0)
        share, among = held / len(of_it), held / max(1, int((clusters == cluster).sum()))
        rows.append([label, len(of_it), found.get(code, np.nan), cluster, share, among])
    table = pd.DataFrame(rows, columns=BY_LABEL)
    return table.sort_values(["precision_at_10", "label"], ascending=[False, True], ignore_index=True)


def view_agreement(library: "Library", *, ignore: Sequence[str] | None = None, seed: int = 0) -> float:
    """Share of an image's ten nearest that are also among the ten nearest of another view of it.

    1,000 images at most are judged. Their views are changed by what is to be ignored, as the Siamese models' are
    (None: what these ignore by default in this folder), whatever the library's model is.
    """
    from lookalike.learn.symmetry import differences
    from lookalike.learn.views import another_view

    embeddings = library.embeddings
    rows = np.arange(len(embeddings))
    if len(rows) > MOST_VIEWED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_VIEWED, replace=False))
    pixels = library.pixels(rows)
    if ignore is None:
        ignore = differences(pixels)
    seen = []
    for start in range(0, len(rows), BATCH):
        views = another_view(pixels[start : start + BATCH], ignore, seed=seed + start)
        seen.append(library.averaged(library.model.encode(views)))
    index, k = library.index, min(NEAREST, len(embeddings) - 1)
    before, after = (index.search(queries, k + 1)[0] for queries in (embeddings[rows], np.concatenate(seen)))
    return metrics.neighbor_agreement(before, after, rows, k)
