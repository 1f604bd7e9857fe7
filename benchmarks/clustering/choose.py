"""How many clusters does `choose_k` see in a library's manifold, and what are they worth beside the best silhouette's?

python benchmarks/clustering/choose.py LIBRARY [LIBRARY ...] --labels folders

One line for each library, over three manifolds: K by modularity, the default, and K of the largest silhouette of the
same clusters (Rousseeuw, 1987), each with the adjusted mutual information of as many clusters and the labels. Of larger
libraries 8,000 images are drawn at random. Labels are used for scoring only.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import lookalike
from lookalike import metrics
from lookalike.organize import choose_k, cluster, manifold
from lookalike.pipeline.labels import label_codes

MOST = 8000


def main() -> None:
    """Read the options, print a table row for each library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", type=Path, nargs="+")
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--seeds", type=int, default=3, help="how many manifolds of each")
    options = parser.parse_args()
    print("| library | labels | K chosen | AMI | K of the best silhouette | AMI | seconds |")
    print("|---|---|---|---|---|---|---|")
    for place in options.libraries:
        library = lookalike.open(place)
        codes, classes = label_codes(options.labels, library.file_names)
        chosen = np.sort(np.random.default_rng(0).permutation(len(codes))[:MOST])
        found = [numbers(library.unaveraged[chosen], codes[chosen], seed) for seed in range(options.seeds)]
        by_links, worth, by_silhouette, other_worth, seconds = zip(*found, strict=True)
        cells = [listed(by_links), f"{np.mean(worth):.3f}", listed(by_silhouette), f"{np.mean(other_worth):.3f}"]
        print("|", " | ".join([place.stem, str(len(classes)), *cells, f"{np.mean(seconds):.1f}"]), "|", flush=True)


def numbers(embeddings: np.ndarray, codes: np.ndarray, seed: int) -> tuple[int, float, int, float, float]:
    """K by modularity and by silhouette, what each is worth, and the seconds that the former took."""
    points = manifold(embeddings, seed=seed)
    start = time.perf_counter()
    choice = choose_k(points, embeddings, seed=seed)
    seconds = time.perf_counter() - start
    tried = {k: cluster(points, k, seed=seed) for k in choice.curve["k"]}
    apart = {k: metrics.silhouette(points, clusters, seed=seed) for k, clusters in tried.items()}
    other = max(apart, key=lambda k: apart[k])
    worth = [metrics.adjusted_mutual_information(tried[k], codes) for k in (choice.n_clusters, other)]
    return choice.n_clusters, worth[0], other, worth[1], seconds


def listed(found: tuple[int, ...]) -> str:
    """Numbers, one for each manifold."""
    return ", ".join(map(str, found))


if __name__ == "__main__":
    main()
