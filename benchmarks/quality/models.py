"""How good each model's search and clusters are on a labelled folder.

python benchmarks/quality/models.py ../shared/data/clothing --models siamese-vae,vae,ae --seeds 0,1,2
python benchmarks/quality/models.py FOLDER --labels FILE.csv --models siamese-vae --name "near-duplicates"

Every run is a `lookalike.build` with default settings, clustered at the true K, and scored twice: with the embeddings
as the model makes them, and averaged with those around them, as they are searched. Labels are used for scoring only.
The networks see equally many images: as many as `siamese-vae` takes by default, or --effort times `default_epochs`.
Runs are appended to results.jsonl; `runs.py` makes the tables, README.md beside this file holds them.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from runs import FROM_SCRATCH, keep

import lookalike
from lookalike.images import scan
from lookalike.learn.siamese import Siamese
from lookalike.learn.training import default_epochs
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.scoring import cluster_scores, found_neighbors, search_scores

NETWORKS = ("siamese-vae", "siamese", "vae", "sparse-ae", "ae")
"""Models that see as many images as --effort says; `talk` is trained by the clock, the others not at all."""
STEP = "one step"
"""How the names of those end that are hardly trained: of the Siamese ones sight is left, and a network of no use."""
SHORTEST = 1e-9
"""Epochs that are one step."""


def main() -> None:
    """Builds and scores, one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", help="what the set is called; default: the folder's name")
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--models", default="siamese-vae")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--effort", type=float, default=Siamese.effort, help="3 trains ten times as long, 0 one step")
    parser.add_argument("--from-scratch", action="store_true", help="Siamese models without the starter")
    parser.add_argument("--minutes", type=float, default=None, help="ends each training by the clock (for `talk`)")
    parser.add_argument("--libraries", type=Path, help="keeps the libraries there; what one holds is not made again")
    options = parser.parse_args()
    for seed in map(int, options.seeds.split(",")):
        for model in options.models.split(","):
            effort = options.effort if model in NETWORKS else None
            name = model if effort in (None, Siamese.effort) else f"{model}, {f'effort {effort:g}' if effort else STEP}"
            name += FROM_SCRATCH * options.from_scratch
            for averaged, run in measured(options, model, seed):
                facts = {"effort": effort, "minutes": options.minutes, "averaged": averaged}
                keep(options.name or options.folder.name, name, seed, run, **facts)


def measured(options: argparse.Namespace, model: str, seed: int) -> Iterator[tuple[bool, dict[str, float]]]:
    """The scores of one build, of its embeddings as the model makes them and averaged, and its seconds."""
    settings = {"model": model, "random_state": seed, "minutes": options.minutes, "projection": "pca"}
    if options.from_scratch:
        settings["model_settings"] = {"starter": False}
    if model in NETWORKS:
        settings["epochs"] = max(SHORTEST, options.effort * default_epochs(n_images(options.folder)))
    with place(options.libraries) as kept:
        name = f"{options.name or options.folder.name}-{model}-{options.effort:g}-{seed}"
        output = kept / f"{name}{FROM_SCRATCH.replace(' ', '-') * options.from_scratch}.lookalike"
        library = lookalike.build(options.folder, output, n_clusters=2, space="embedding", **settings)
        codes, classes = label_codes(options.labels, library.images["file_name"])
        library.cluster(n_clusters=len(classes), space="manifold")
        drawn = {"rmse": drawing_error(library)} if library.model.decodes else {}
        clusters = cluster_scores(library.clusters, codes)
        spent = {"train": float(library.seconds()["train"]), "seconds": float(library.seconds()["total"])}
        for averaged, embeddings, nearest in (
            (False, library.unaveraged, library.neighbors[0]),
            (True, library.embeddings, found_neighbors(library)),
        ):
            yield averaged, {**clusters, **search_scores(nearest, embeddings, codes), **drawn, **spent}


@contextlib.contextmanager
def place(kept: Path | None) -> Iterator[Path]:
    """Where the libraries go: into a folder that stays, or into one that does not."""
    if kept is None:
        with tempfile.TemporaryDirectory() as gone:
            yield Path(gone)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


def drawing_error(library: lookalike.Library) -> float:
    """Root of the mean squared error of 1,000 images drawn from their codes, in levels of 255."""
    images = library.pixels(np.random.default_rng(0).permutation(len(library.images))[:1000])
    return float(np.sqrt(np.square(images.astype(np.float32) - library.model.reconstruct(images)).mean()))


def n_images(folder: Path) -> int:
    """Pictures in a folder."""
    return len(scan(folder).candidates)


if __name__ == "__main__":
    main()
