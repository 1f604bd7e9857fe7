"""How good each model's search and clusters are on a labelled folder: mean ± spread over seeds, defaults everywhere.

python benchmarks/quality/models.py ../shared/data/clothing --models vae,ae,pixels --seeds 3
python benchmarks/quality/models.py FOLDER --labels FILE.csv --models siamese-vae

Every number comes through `lookalike.build` with its default settings at the true K; labels are used for scoring only.
Results: README.md beside this file.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import lookalike

SCORES = ("precision_at_10", "knn_accuracy", "map", "acc", "nmi", "ari")


def main() -> None:
    """Prints a row of the table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--models", default="vae,sparse-ae,ae,pixels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=None)
    options = parser.parse_args()
    print("| model | P@10 | 1-NN | mAP | ACC | NMI | ARI | train, s |\n|---|---|---|---|---|---|---|---|")
    for model in options.models.split(","):
        runs = [measured(options, model, seed) for seed in range(options.seeds)]
        cells = [spread([run[name] for run in runs]) for name in SCORES]
        print(f"| {model} | {' | '.join(cells)} | {np.mean([run['train'] for run in runs]):.0f} |", flush=True)


def measured(options: argparse.Namespace, model: str, seed: int) -> dict[str, float]:
    """The scores of one build in a temporary place, and the seconds of its training."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        settings = {"model": model, "random_state": seed, "epochs": options.epochs, "projection": "pca"}
        library = lookalike.build(
            options.folder, Path(place) / "x.lookalike", n_clusters=2, space="embedding", **settings
        )
        classes = library.evaluate(options.labels)["classes"]
        library.cluster(n_clusters=classes, space="manifold")
        scores = library.evaluate(options.labels)
        print(f"  {model} {seed}: {time.monotonic() - start:.0f} s", scores, flush=True)
        return {**scores, "train": library.seconds()["train"]}


def spread(values: list[float]) -> str:
    """Mean ± standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


if __name__ == "__main__":
    main()
