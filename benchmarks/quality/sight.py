"""What sight is made of, step by step: descriptors, whitening, agreement between views, between neighbours.

python benchmarks/quality/sight.py ../shared/data/clothing
python benchmarks/quality/sight.py ../shared/data/near-duplicates --labels ../shared/data/near-duplicates/truth.csv

No network is trained. First, how far mirror images are (`learn/symmetry.py`). Precision@10 and 1-NN of Euclidean
neighbours; images without a label are no queries, but count as wrong matches. Also how an oblong picture is best fitted
to the square. Results: README.md beside this file.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lookalike.images import FITS, Pixels, decode_folder, scan
from lookalike.learn import sight as module
from lookalike.learn.descriptor import colour_layout, oriented_gradients, palette
from lookalike.learn.device import in_parallel
from lookalike.learn.patches import Patches
from lookalike.learn.sight import ALIKE, OUTLINE, ROUNDS, Sight
from lookalike.learn.starter import Starter
from lookalike.learn.symmetry import JUDGED, mirror_distance
from lookalike.learn.texture import texture
from lookalike.learn.views import IGNORED
from lookalike.learn.whitening import Block, Whitening
from lookalike.pipeline.labels import labels_from
from lookalike.search import ExactIndex

NEIGHBORS = (0.0, 0.3, 0.6, 1.2, 30.0)
DEFAULT = 0.6
OUTLINES = (0.3, 0.5, 1.0)
PALETTES = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0)
"""Times its usual weight."""


def main() -> None:
    """Prints a row for each step, then one for each fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", default="folders")
    parser.add_argument("--only", default="", help="the steps whose names hold this")
    parser.add_argument("--mirror-only", action="store_true", help="no more than how far mirror images are")
    options = parser.parse_args()
    squashed, labels = decoded(options, "squash")
    some = np.random.default_rng(0).permutation(len(squashed))[:JUDGED]
    print(f"mirror images are {mirror_distance(squashed[some]):.3f} times as far as images from the tenth nearest\n")
    if options.mirror_only:
        return
    print("| step | P@10 | 1-NN |\n|---|---|---|")
    for name, embeddings in steps(squashed, options):
        if options.only in name:
            row(name, embeddings(), labels)


def steps(squashed: Tensor, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """What each row is called, and how its embeddings are made."""
    for name, describe in DESCRIPTORS.items():
        described = cache(lambda describe=describe: in_parallel(describe(squashed), squashed, 32).numpy())
        for shrinkage in (0.02, 1.0):
            yield f"{name}, whitened, shrinkage {shrinkage}", partial(whitened, described, shrinkage)
    sight = partial(seen, squashed, IGNORED)
    for neighbors in NEIGHBORS:
        yield f"sight, neighbors={neighbors}", partial(sight, neighbors)
    for left_out in ("patches", "coarse", "fine", "texture", "motifs", "enlarged", "colour", "palette"):
        yield f"sight without {left_out}", partial(sight, DEFAULT, without=left_out)
    yield "sight from scratch", partial(sight, DEFAULT, starter=False)
    for left_out in ("edges", "tints"):
        yield f"sight from scratch without {left_out}", partial(sight, DEFAULT, without=left_out, starter=False)
    yield "sight, neighbours looked for once", partial(sight, DEFAULT, rounds=1)
    for outline in OUTLINES:
        yield f"sight with outline {outline}", partial(sight, DEFAULT, outline=outline)
    for times in PALETTES:
        yield f"sight with palette x{times:g}", partial(sight, DEFAULT, times=times)
    yield "sight with motifs in full", partial(sight, DEFAULT, alike=(10.0, 11.0))
    yield "sight, ignore=none", partial(seen, squashed, (), DEFAULT)
    for more in ("rotation", "color"):
        yield f"sight, {more} ignored too", partial(seen, squashed, (*IGNORED, more), DEFAULT)
    for fit in FITS:
        yield f"sight, fit={fit}", lambda fit=fit: seen(decoded(options, fit)[0], IGNORED, DEFAULT)


def learned_patches(images: Tensor) -> Patches:
    """Patches that know their words."""
    patches = Patches(64, mirrored=True)
    patches.prepare(images)
    return patches


def ready_starter() -> Starter:
    """The starter with its weights."""
    starter = Starter(mirrored=True)
    starter.prepare()
    return starter


DESCRIPTORS = {
    "gradients in 8x8 cells": lambda images: lambda few: oriented_gradients(few, 8, mirrored=False),
    "the same, mirror-symmetric": lambda images: lambda few: oriented_gradients(few, 8, mirrored=True),
    "gradients in 4x4 cells": lambda images: lambda few: oriented_gradients(few, 16, mirrored=True),
    "patches": learned_patches,
    "texture": lambda images: partial(texture, mirrored=True),
    "what the starter sees": lambda images: ready_starter(),
    "colours in 8x8 cells": lambda images: lambda few: colour_layout(few, 8, mirrored=True),
    "colours of the whole picture": lambda images: palette,
}
"""What each makes of images, when it has seen those of the folder."""


def decoded(options: argparse.Namespace, fit: str) -> tuple[Tensor, np.ndarray]:
    """The folder's images (n, 3, 64, 64) in [0, 1], and their labels, -1 for none."""
    with tempfile.TemporaryDirectory() as place:
        rows, _ = decode_folder(options.folder, scan(options.folder).candidates, place, size=64, fit=fit)
        pixels = Pixels(place)[rows["slot"].to_numpy()]
    labels = pd.factorize(labels_from(options.labels, rows["file_name"]))[0]
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255, labels


def whitened(described: Callable[[], np.ndarray], shrinkage: float) -> np.ndarray:
    """The 192 widest directions of a descriptor, whitened and normalised."""
    centred = torch.from_numpy(described() - described().mean(0))
    torch.manual_seed(0)
    rank = min(192, *centred.shape)
    reduced = (centred @ torch.svd_lowrank(centred, rank, niter=4)[2]).numpy()
    return Whitening.fit(reduced, rank, [Block(rank, 1.0, shrinkage)]).apply(reduced)


@torch.no_grad()
def seen(
    images: Tensor,
    ignore: tuple[str, ...],
    neighbors: float,
    *,
    without: str = "",
    starter: bool = True,
    rounds: int = ROUNDS,
    outline: float = 0.0,
    times: float | None = None,
    alike: tuple[float, float] = ALIKE,
) -> np.ndarray:
    """Embeddings of sight alone, maybe with a descriptor of no weight, the outline, or a multiple of the palette;
    ``alike`` are the bounds between which the pictures count as built alike."""
    torch.manual_seed(0)
    sight = Sight(128, 64, ignore, neighbors, starter=starter)
    if without in sight.parts:
        sight.parts[without] = (1, 0.0)
    to_this = {"HEAVIER": times, "TELLING": (-2.0, -1.0), "COLOURLESS": 0.0, "BESIDE_MOTIFS": 1.0}
    forced = {} if times is None else to_this
    with mock.patch.multiple(module, ROUNDS=rounds, ALIKE=alike, **forced):
        sight.prepare(images)
    codes = torch.cat([sight(few) for few in torch.split(images, 128)]).numpy()
    return Whitening.fit(codes, 128, [Block(128, 1.0, np.inf), Block(OUTLINE, outline, 0.02)]).apply(codes)


def row(name: str, embeddings: np.ndarray, labels: np.ndarray) -> None:
    """Prints the two scores."""
    queries = labels >= 0
    found = ExactIndex(embeddings).neighbors(11)[0][queries, 1:]  # each image itself comes first
    right = labels[found] == labels[queries][:, None]
    print(f"| {name} | {right.mean():.3f} | {right[:, 0].mean():.3f} |", flush=True)


if __name__ == "__main__":
    main()
