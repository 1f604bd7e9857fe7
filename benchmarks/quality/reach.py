"""How many neighbours the manifold should be of: clusters at the true K, and at the number that is chosen.

python benchmarks/quality/reach.py LIBRARY [LIBRARY ...] --labels folders --reaches 20,50,90

Libraries as `models.py FOLDER --libraries PLACE` keeps them. One line for each library and reach, the default's (of the
share of neighbours' neighbours that are neighbours, printed first) among them: ACC and NMI at the true K, and AMI at
the number chosen, mean over three manifolds. Labels are used for scoring only. Results: README.md beside this file.
"""

import argparse
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np

import lookalike
from lookalike import organize
from lookalike.organize import projection
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.scoring import cluster_scores

SEEDS = range(3)


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="+", type=Path)
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--reaches", default="20,50,90")
    options = parser.parse_args()
    for place in options.libraries:
        library = lookalike.open(place)
        share = projection._insular(np.asarray(library.neighbors[0])[:, : projection._MANIFOLD_NEIGHBORS[0]])
        print(f"{place.name}: {len(library.file_names):,} images, share {share:.2f}", flush=True)
        for reach in (None, *map(int, options.reaches.split(","))):
            told(library, options.labels, reach)


def told(library: lookalike.Library, labels: str, reach: int | None) -> None:
    """Prints what manifolds of so many neighbours are worth; None is the default."""
    codes, classes = label_codes(labels, library.file_names)
    embeddings, neighbors = np.array(library.unaveraged), library.neighbors
    fixed = {} if reach is None else {"_MANIFOLD_NEIGHBORS": (reach, reach), "_MANIFOLD_SHARE": 1}
    scores = []
    for seed in SEEDS:
        with mock.patch.multiple(projection, **fixed) if fixed else nullcontext():
            points = organize.manifold(embeddings, seed=seed, neighbors=neighbors)
        found = organize.cluster(points, len(classes), seed=seed, neighbors=neighbors[0])
        chosen = organize.choose_k(points, embeddings, seed=seed).n_clusters
        of_chosen = organize.cluster(points, chosen, seed=seed, neighbors=neighbors[0])
        true = cluster_scores(found, codes)
        scores.append((true["acc"], true["nmi"], cluster_scores(of_chosen, codes)["ami"]))
    means = " / ".join(f"{mean:.3f}" for mean in np.mean(scores, axis=0))
    spread = np.std([acc for acc, *_ in scores])
    print(f"  {'the default' if reach is None else f'of {reach}'}: {means} (ACC ± {spread:.3f})", flush=True)


if __name__ == "__main__":
    main()
