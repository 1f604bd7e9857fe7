"""Which of k-means' tries in the manifold is best to keep, and what a start that links have merged adds.

python benchmarks/quality/clusters.py LIBRARY [LIBRARY ...] --labels folders

Libraries of one folder, as `models.py FOLDER --libraries PLACE` keeps them, one for each seed. One line for each way:
ACC, NMI and ARI, mean over the libraries. The tries are as many from k-means++ as `cluster` makes, up to 80, and, where
it says so, one from pieces that links to 5, 20, 50 or 90 neighbours have merged. Kept is the one with the least
inertia, with the largest modularity, or with the least normalised cut (Shi & Malik, PAMI 2000: the mean share of a
cluster's links that leave it), by links to 5, 20, 50 or 90 neighbours. At a resolution, modularity is by 20, or as few
as small clusters have, of all tries and the one merged by 90, and exchanges go by it, too; the default is what
`cluster` does. Labels are used for scoring only.
"""

import argparse

import numpy as np

import lookalike
from lookalike import organize
from lookalike.library import LibraryFolder
from lookalike.organize import clustering, kmeans
from lookalike.organize.links import links_between, modularity
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.scoring import cluster_scores

LINKS = (5, 20, 50, 90)
RESOLUTIONS = (1.0, 1.2, 1.4, 1.7, 2.0)
SCORES = ("acc", "nmi", "ari")


def main() -> None:
    """Scores, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="+")
    parser.add_argument("--labels", default="folders")
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {}
    for place in options.libraries:
        library = lookalike.open(place)
        codes, classes = label_codes(options.labels, library.file_names)
        for way, clusters in ways(library, len(classes)).items():
            scores = cluster_scores(clusters, codes)
            found.setdefault(way, []).append([scores[name] for name in SCORES])
    for way, scores in found.items():
        mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
        cells = [f"{middle:.3f} ± {around:.3f}" for middle, around in zip(mean, spread, strict=True)]
        print("| " + " | ".join([way, *cells]) + " |", flush=True)


def ways(library: lookalike.Library, k: int) -> dict[str, np.ndarray]:
    """Clusters by the name of how they were chosen."""
    seed, neighbors = library.settings.random_state, np.array(library.neighbors[0])[:, 1:]
    files = LibraryFolder(library.path)
    kept = files.has("manifold")
    points = files.array("manifold", "manifold") if kept else remade(library)
    points = clustering.checked(points)
    restarts = kmeans.linked_restarts(len(points), k)
    with clustering.repeatably():
        drawn = list(kmeans._tries(points, k, seed, restarts))
        merged = {n: kmeans._from_merged(points, k, seed, neighbors[:, :n]) for n in LINKS}
    plain = [tried.labels_ for tried in drawn]
    found = {"the default": organize.cluster(points, k, seed=seed, neighbors=library.neighbors[0])}
    found |= {"least inertia": plain[int(np.argmin([tried.inertia_ for tried in drawn]))]}
    found |= {f"merged by {n}": tried.labels_ for n, started in merged.items() for tried in started}
    for n in LINKS:
        for added, tries in {"": plain, ", merged by 90": [*plain, *(tried.labels_ for tried in merged[90])]}.items():
            near = neighbors[:, :n]
            found[f"modularity, {n}{added}"] = max(tries, key=lambda clusters, near=near: modularity(clusters, near, k))
            found[f"normalised cut, {n}{added}"] = min(tries, key=lambda clusters, near=near: cut(clusters, near, k))
    near, tries = neighbors[:, : kmeans.judging_links(len(points), k)], [*plain, *(of.labels_ for of in merged[90])]
    for resolution in RESOLUTIONS:

        def held(clusters: np.ndarray, resolution: float = resolution) -> float:
            return modularity(clusters, near, k, resolution=resolution)

        best = sorted(tries, key=held, reverse=True)[:5]
        with clustering.repeatably():
            improved = [kmeans.exchanged(points, one, near, k, seed, resolution=resolution) for one in best]
        found[f"resolution {resolution:g}"] = best[0]
        found[f"resolution {resolution:g}, the best exchanged"] = improved[0]
        found[f"resolution {resolution:g}, the best five exchanged"] = max(improved, key=held)
    return found


def remade(library: lookalike.Library) -> np.ndarray:
    """The manifold of a library that keeps none."""
    return organize.manifold(library.unaveraged, seed=library.settings.random_state, neighbors=library.neighbors)


def cut(clusters: np.ndarray, neighbors: np.ndarray, k: int) -> float:
    """Mean share of a cluster's links that leave it."""
    links = links_between(clusters, neighbors, k)
    return float(1 - (np.diag(links) / np.maximum(links.sum(axis=1), 1)).mean())


if __name__ == "__main__":
    main()
