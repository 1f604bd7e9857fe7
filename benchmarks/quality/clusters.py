"""Which of k-means' tries in the manifold is best to keep, and what a start that links have merged adds.

python benchmarks/quality/clusters.py LIBRARY [LIBRARY ...] --labels folders

Libraries of one folder, as `models.py FOLDER --libraries PLACE` keeps them, one for each seed. One line for each way:
ACC, NMI and ARI, mean over the libraries. The tries are ten from k-means++ and, where it says so, one from pieces that
links to 20, 50 or 90 neighbours have merged. Kept is the one with the least inertia, with the largest modularity, or
with the least normalised cut (Shi & Malik, PAMI 2000: the mean share of a cluster's links that leave it), by links to
20, 50 or 90 neighbours. Labels are used for scoring only.
"""

import argparse

import numpy as np

import lookalike
from lookalike import organize
from lookalike.library import LibraryFolder
from lookalike.organize import clustering
from lookalike.organize.links import links_between, merged, modularity
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.scoring import cluster_scores

LINKS = (20, 50, 90)
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
    points = files.array("manifold", "manifold") if kept else organize.manifold(library.unaveraged, seed=seed)
    points = clustering.checked(points)
    drawn = list(clustering._tries(points, k, seed, 10))
    plain = [tried.labels_ for tried in drawn]
    from_merged = {n: started(points, neighbors[:, :n], k, seed) for n in LINKS}
    found = {"least inertia": plain[int(np.argmin([tried.inertia_ for tried in drawn]))]}
    found |= {f"merged by {n}": clusters for n, clusters in from_merged.items()}
    for n in LINKS:
        for added, tries in {"": plain, ", merged by 90": [*plain, from_merged[90]]}.items():
            links = [links_between(clusters, neighbors[:, :n], k) for clusters in tries]
            found[f"modularity, {n}{added}"] = tries[int(np.argmax([modularity(one) for one in links]))]
            found[f"normalised cut, {n}{added}"] = tries[int(np.argmin([cut(one) for one in links]))]
    return found


def started(points: np.ndarray, neighbors: np.ndarray, k: int, seed: int) -> np.ndarray:
    """What comes of a start from merged pieces."""
    n_pieces = min(clustering._PIECES * k, len(points) // clustering._SMALLEST_PIECE)
    pieces = clustering._one_kmeans(points, n_pieces, seed).labels_
    together = merged(links_between(pieces, neighbors, n_pieces), k)[pieces]
    centres = np.stack([points[together == number].mean(axis=0) for number in range(k)])
    return clustering._one_kmeans(points, k, seed, centres).labels_


def cut(links: np.ndarray) -> float:
    """Mean share of a cluster's links that leave it."""
    return float(1 - (np.diag(links) / np.maximum(links.sum(axis=1), 1)).mean())


if __name__ == "__main__":
    main()
