"""Which space and which method should cluster by default? Every pair on embeddings without learning, at the true K.

    python benchmarks/clustering/compare.py clothing --data ../shared/data

prints a Markdown table; README.md beside this file keeps the tables with date and machine.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import features
import numpy as np

from lookalike import metrics
from lookalike.organize import clustering, kmeans, projection
from lookalike.search import ExactIndex

SEEDS = (0, 1, 2)
METHODS = ("kmeans", "gmm", "ward", "hdbscan")
SETS = {"clothing": features.clothing, "fashion": features.fashion}
SCORES = (metrics.clustering_accuracy, metrics.normalized_mutual_information, metrics.adjusted_rand_index)
Space = Callable[[np.ndarray, projection.Neighbors, int], np.ndarray]


def umap_of(n_neighbors: int) -> Space:
    """The manifold with another number of neighbours."""

    def space(embeddings: np.ndarray, neighbors: projection.Neighbors, seed: int) -> np.ndarray:
        return projection._fit_umap(embeddings, 10, seed, neighbors, n_neighbors=n_neighbors, min_dist=0.0)

    return space


def manifold_of_directions(embeddings: np.ndarray, _: projection.Neighbors, seed: int) -> np.ndarray:
    """The manifold of embeddings brought to length 1."""
    return projection.manifold(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), seed=seed)


def agreement(points: np.ndarray, n_clusters: int, *, seed: int, runs: int = 20) -> np.ndarray:
    """k-means of the memberships in many single k-means runs: rows often put together end together."""
    found = [kmeans.by_inertia(points.astype(np.float64), n_clusters, 100 * seed + run, 1) for run in range(runs)]
    memberships = np.hstack([np.eye(n_clusters)[clusters] for clusters in found])
    return clustering.cluster(memberships, n_clusters, seed=seed)


SPACES: dict[str, Space] = {
    "embedding": lambda embeddings, _neighbors, _seed: embeddings,
    "manifold": lambda embeddings, neighbors, seed: projection.manifold(embeddings, seed=seed, neighbors=neighbors),
    "map, t-SNE": lambda embeddings, near, seed: projection.project(embeddings, "tsne", seed=seed, neighbors=near),
    "map, PCA": lambda embeddings, _neighbors, seed: projection.project(embeddings, "pca", seed=seed),
}
VARIANTS: dict[str, Space] = {
    "manifold, 10 neighbours": umap_of(10),
    "manifold, 15 neighbours": umap_of(15),
    "manifold, 30 neighbours": umap_of(30),
    "manifold of directions": manifold_of_directions,
}


def rows(name: str, space: Space, methods: tuple[str, ...], case: tuple) -> None:
    """Print the table rows of one space: scores over the seeds, seconds of the space and of the method."""
    embeddings, labels, neighbors = case
    n_clusters = len(np.unique(labels))
    found: dict[str, list] = {method: [] for method in methods}
    spent = []
    for seed in SEEDS:
        start = time.perf_counter()
        points = space(embeddings, neighbors, seed)
        spent.append(time.perf_counter() - start)
        for method in methods:
            start = time.perf_counter()
            if method == "agreement":
                clusters = agreement(points, n_clusters, seed=seed)
            else:
                clusters = clustering.cluster(points, n_clusters, method, seed=seed)
            seconds = time.perf_counter() - start
            found[method].append([*[score(clusters, labels) for score in SCORES], clusters.max() + 1, seconds])
    for method, values in found.items():
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0)
        scores = " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean[:3], spread[:3], strict=True))
        print(f"| {name} | {method} | {scores} | {mean[3]:.0f} | {np.median(spent):.1f} + {mean[4]:.1f} |", flush=True)


def main() -> None:
    """Read the options, print the table of one set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "../shared/data")
    parser.add_argument("--spaces", nargs="+", default=[*SPACES, *VARIANTS], choices=[*SPACES, *VARIANTS])
    options = parser.parse_args()
    embeddings, labels = SETS[options.set](options.data)
    start = time.perf_counter()
    neighbors = ExactIndex(embeddings).neighbors(91)
    print(f"{options.set}: {len(labels)} images, {len(np.unique(labels))} labels", end="; ")
    print(f"91 neighbours {time.perf_counter() - start:.1f} s", end="; ")
    print(
        f"P@10 {metrics.precision_at(neighbors[0], labels):.3f}, 1-NN {metrics.knn_accuracy(neighbors[0], labels):.3f}"
    )
    projection.manifold(embeddings[:100])  # compiles, which is not to be timed
    print("\n| space | method | ACC | NMI | ARI | clusters | seconds |\n|---|---|---|---|---|---|---|")
    case = (embeddings, labels, neighbors)
    for name in options.spaces:
        if name in VARIANTS:
            rows(name, VARIANTS[name], ("kmeans", "gmm", "ward"), case)
        else:
            rows(name, SPACES[name], (*METHODS, "agreement") if name == "manifold" else METHODS, case)


if __name__ == "__main__":
    main()
