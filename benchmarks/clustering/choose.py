"""How many clusters does `choose_k` see in the manifold of embeddings without learning, and what are they worth?

python benchmarks/clustering/choose.py clothing --data ../shared/data
"""

import argparse
import time
from pathlib import Path

import features
import numpy as np

from lookalike import metrics
from lookalike.organize import choose_k, cluster, manifold
from lookalike.search import ExactIndex

SETS = {"clothing": features.clothing, "fashion": features.fashion}


def main() -> None:
    """Read the options, print a table row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "../shared/data")
    options = parser.parse_args()
    embeddings, labels = SETS[options.set](options.data)
    neighbors = ExactIndex(embeddings).neighbors(21)
    print("| set | seed | K chosen | K of the best silhouette | AMI | seconds |\n|---|---|---|---|---|---|")
    for seed in range(3):
        points = manifold(embeddings, seed=seed, neighbors=neighbors)
        start = time.perf_counter()
        choice = choose_k(points, seed=seed)
        seconds = time.perf_counter() - start
        best = choice.curve["k"][np.argmax(choice.curve["silhouette"])]
        score = metrics.adjusted_mutual_information(cluster(points, choice.n_clusters, seed=seed), labels)
        row = (options.set, seed, choice.n_clusters, best, f"{score:.3f}", f"{seconds:.1f}")
        print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
