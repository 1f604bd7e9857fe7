"""Does a network that has seen only drawn pictures know anything of real ones? And what does sight gain by it?

    python benchmarks/starter/trial.py ../shared/data/clothing build/starter/strong.safetensors

Each encoder as it comes from the drawn pictures, never trained on the folder, beside one with random weights. *cells*:
its features after `N_LAYERS` layers in 4x4 cells, which ship; *all*: after the last layer, of the whole picture; both
as 64 whitened principal components. *with sight*: the former as a descriptor of the default's sight
(`learn/sight.py`), for encoders of the width that ships. Labels are for scoring only.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from ship import N_LAYERS, folded
from torch import Tensor
from torch.nn import functional

from lookalike import search
from lookalike.images import Pixels, decode_folder, scan
from lookalike.learn import starter
from lookalike.learn.nets import Encoder
from lookalike.learn.siamese import OUTLINED
from lookalike.learn.sight import OUTLINE, Sight
from lookalike.learn.symmetry import JUDGED, differences
from lookalike.learn.views import IGNORED
from lookalike.learn.whitening import Block, Whitening
from lookalike.pipeline.labels import labels_from
from lookalike.pipeline.scoring import search_scores

DIM, NEIGHBORS, WIDTH = 128, 0.6, 64


def main() -> None:
    """Scores each network, alone and with sight."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("encoders", type=Path, nargs="*", help="what train.py wrote")
    parser.add_argument("--images", type=int, default=2000, help="at most, drawn at random")
    parser.add_argument("--side", type=int, default=64, help="pixels a side; a closer look takes 128")
    options = parser.parse_args()
    images, labels = some(options.folder, options.images, options.side)
    chosen = np.random.default_rng(0).permutation(len(images))[:JUDGED]
    ignore = tuple(differences(images[chosen])) or IGNORED
    torch.manual_seed(0)
    encoders = {"random weights": Encoder(64, WIDTH)} | {str(of): trained(of) for of in options.encoders}
    print(f"{options.folder.name}, {len(images)} images, P@10 / 1-NN\n\n| encoder | cells | all | with sight |")
    print(f"|---|---|---|---|\n| none | | | {scores(sighted(images, None, ignore), labels)} |", flush=True)
    for name, encoder in encoders.items():
        cells, last = features(encoder.eval(), images)
        row = [scores(reduced(cells), labels), scores(reduced(last), labels)]
        wide = encoder.layers[N_LAYERS - 1].first[0].in_channels == 2 * WIDTH
        row.append(scores(sighted(images, encoder, ignore), labels) if wide else "")
        print(f"| {name} | {' | '.join(row)} |", flush=True)


def trained(file: Path) -> Encoder:
    """The encoder that was written there."""
    weights = load_file(file)
    encoder = Encoder(64, len(weights["layers.1.0.weight"]))
    encoder.load_state_dict(weights)
    return encoder


def some(folder: Path, most: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, side, side, 3) of a folder, and numbers of their labels."""
    with TemporaryDirectory() as place:
        rows, _ = decode_folder(folder, scan(folder).candidates, place, size=side, fit="squash")
        rows = rows.iloc[np.sort(np.random.default_rng(0).permutation(len(rows))[:most])]
        return Pixels(place)[rows["slot"].to_numpy()], pd.factorize(labels_from("folders", rows["file_name"]))[0]


@torch.no_grad()
def features(encoder: Encoder, images: np.ndarray) -> tuple[Tensor, Tensor]:
    """Square roots of length 1: in cells (n, 16 · channels), and of the whole picture (n, channels)."""
    cells, last = [], []
    for few in torch.split(floats(images), 128):
        early = encoder.layers[:N_LAYERS](2 * few - 1)
        cells.append(functional.adaptive_avg_pool2d(early, 4).flatten(1))
        last.append(encoder.layers[N_LAYERS:](early).mean((2, 3)))
    return tuple(functional.normalize(torch.cat(of).clamp(min=0).sqrt(), dim=1) for of in (cells, last))


def reduced(described: Tensor) -> np.ndarray:
    """64 principal components, whitened with some care, of length 1."""
    centred = described - described.mean(0)
    points = centred @ torch.svd_lowrank(centred, 64, niter=3)[2]
    spread = points.var(0)
    return functional.normalize(points / (spread + 0.2 * spread.mean()).sqrt(), dim=1).numpy()


def sighted(images: np.ndarray, encoder: Encoder | None, ignore: tuple[str, ...]) -> np.ndarray:
    """Embeddings (n, 128) by sight alone, with what an encoder sees among its descriptors."""
    torch.manual_seed(0)
    sight = Sight(DIM, images.shape[1], ignore, NEIGHBORS, starter=encoder is not None)
    with TemporaryDirectory() as place, torch.no_grad():
        file = Path(place) / "starter.safetensors"
        save_file(folded(encoder) if encoder else {}, file)
        with mock.patch.object(starter, "WEIGHTS", file):
            sight.prepare(floats(images))
        codes = torch.cat([sight(few) for few in torch.split(floats(images), 128)]).numpy()
    outline = Block(OUTLINE, OUTLINED * float(sight.built_alike), 0.02)
    return Whitening.fit(codes, DIM, [Block(DIM, 1.0, np.inf), outline]).apply(codes)


def floats(images: np.ndarray) -> Tensor:
    """Images (n, 3, s, s) in [0, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def scores(embeddings: np.ndarray, labels: np.ndarray) -> str:
    """P@10 and 1-NN."""
    neighbors, _ = search.ExactIndex(embeddings).neighbors(11)
    found = search_scores(neighbors, embeddings, labels)
    return f"{found['precision_at_10']:.3f} / {found['knn_accuracy']:.3f}".replace("0.", ".")


if __name__ == "__main__":
    main()
