"""What averaging embeddings with those around them does to search and clusters, on labelled folders.

python benchmarks/quality/averaging.py ../shared/data/clothing
python benchmarks/quality/averaging.py ../shared/data/near-duplicates --labels ../shared/data/near-duplicates/truth.csv

One library of the default model with `--minutes` of training (0.01, the default, leaves it one step, so it is nearly
its sight alone), and from its embeddings, by how many they are averaged with: P@10, R@10, 1-NN, 10-NN, mAP, and of
clusters at the true K, in the manifold of three seeds, ACC and NMI. One table row a line.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import lookalike
from lookalike import organize, search
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.scoring import cluster_scores, search_scores

SEEDS = range(3)


def main() -> None:
    """Builds, averages, scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--minutes", type=float, default=0.01)
    parser.add_argument("--around", default="0,5,10,20,40", help="embeddings to average with, 0 is none")
    parser.add_argument("--clusters", default="0,20", help="of these the clusters too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        library = built(options, Path(place) / "x.lookalike")
        codes, classes = label_codes(options.labels, library.images["file_name"])
        unaveraged, (rows, distances) = np.array(library.unaveraged), library.neighbors
        for around in map(int, options.around.split(",")):
            points = search.averaged(unaveraged, rows, distances, unaveraged, around=around) if around else unaveraged
            scores = search_scores(search.ranked(points, rows)[0], points, codes)
            cells = [
                scores[name] for name in ("precision_at_10", "recall_at_10", "knn_accuracy", "knn_accuracy_10", "map")
            ]
            if str(around) in options.clusters.split(","):
                cells += clustered(points, codes, len(classes))
            print(
                f"| {options.folder.name} | {around} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |",
                flush=True,
            )


def built(options: argparse.Namespace, place: Path) -> lookalike.Library:
    """A library with neighbours and no clusters to speak of."""
    quick = {"projection": "pca", "n_clusters": 2, "space": "embedding"}
    return lookalike.build(options.folder, place, minutes=options.minutes, average=False, **quick)


def clustered(points: np.ndarray, codes: np.ndarray, n_clusters: int) -> list[float]:
    """ACC and NMI, the mean over the seeds."""
    neighbors = search.find_neighbors(points, 91)[0]
    found = []
    for seed in SEEDS:
        manifold = organize.manifold(points, seed=seed, neighbors=neighbors)
        clusters = organize.cluster(manifold, n_clusters, seed=seed, neighbors=neighbors[0])
        scores = cluster_scores(clusters, codes)
        found.append([scores["acc"], scores["nmi"]])
    return list(np.mean(found, axis=0))


if __name__ == "__main__":
    main()
