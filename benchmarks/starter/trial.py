"""Does a network that has seen only drawn pictures know anything of real ones? And does sight need it?

    python benchmarks/starter/train.py build/starter.safetensors --kept 12000
    python benchmarks/starter/trial.py ../shared/data/clothing build/starter.safetensors

Each encoder as it comes from the drawn pictures, never trained on the folder, beside one with random weights. *alone*:
its features, 64 whitened principal components. *with sight*: they are one more descriptor from which the agreeing
directions are found (`learn/sight.py`), 192 components, weight 0.6. Labels are for scoring only.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lookalike import search
from lookalike.images import Pixels, decode_folder, scan
from lookalike.learn.model import create
from lookalike.learn.sight import Sight
from lookalike.learn.symmetry import JUDGED, differences
from lookalike.learn.views import IGNORED
from lookalike.learn.whitening import Block, Whitening
from lookalike.pipeline.labels import labels_from
from lookalike.pipeline.scoring import search_scores

MOST = 5000
"""Images of the folder that are looked at, drawn at random where there are more."""
COMPONENTS, WEIGHT = 192, 0.6
DIM, NEIGHBORS = 128, 0.6


class Seeing(nn.Module):
    """A network's features of images (b, 3, s, s): square roots, of length 1; the same when mirrored, if asked."""

    def __init__(self, network: nn.Module, *, mirrored: bool) -> None:
        super().__init__()
        self.encoder, self.mirrored = network.encoder, mirrored
        self.n_features = network.encoder.n_features

    def forward(self, images: Tensor) -> Tensor:
        """(b, n_features)"""
        seen = self.encoder(2 * images.contiguous() - 1)
        if self.mirrored:
            seen = (seen + self.encoder(2 * images.flip(-1).contiguous() - 1)) / 2
        return nn.functional.normalize(seen.clamp(min=0).sqrt(), dim=1)


class SightWith(Sight):
    """Sight with one more descriptor; with none, as it is."""

    def __init__(self, more: Seeing | None, ignore: tuple[str, ...]) -> None:
        self.more = None
        super().__init__(DIM, 64, ignore, NEIGHBORS)
        if more is not None:
            self.more = more
            self.parts["more"] = (COMPONENTS, WEIGHT)
            n = sum(self._lengths())
            self.mean, self.matrix = torch.zeros(n), torch.zeros(n, self.matrix.shape[1])

    def _lengths(self) -> list[int]:
        parts, self.parts = self.parts, {name: part for name, part in self.parts.items() if name != "more"}
        lengths = super()._lengths()
        self.parts = parts
        return [*lengths, self.more.n_features] if self.more else lengths

    def _describe_few(self, few: Tensor) -> Tensor:
        described = super()._describe_few(few)
        return torch.cat([described, self.more(few)], 1) if self.more else described


def main() -> None:
    """Scores each network, alone and with sight."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("encoders", type=Path, nargs="*", help="what train.py wrote")
    options = parser.parse_args()
    images, labels = some(options.folder)
    chosen = np.random.default_rng(0).permutation(len(images))[:JUDGED]
    ignore = tuple(differences(images[chosen])) or IGNORED
    torch.manual_seed(0)
    networks = {"random weights": create("siamese-vae", {"dim": DIM, "size": 64}).eval()}
    networks |= {encoder.stem: trained(encoder) for encoder in options.encoders}
    print(
        f"{options.folder.name}, {len(images)} images, P@10 / 1-NN\n\n| network | alone | with sight |\n|---|---|---|"
    )
    print(f"| none | | {scores(sighted(images, None, ignore), labels)} |", flush=True)
    for name, network in networks.items():
        seeing = Seeing(network, mirrored="flip" in ignore).eval()
        alone = scores(reduced(in_batches(seeing, images)), labels)
        print(f"| {name} | {alone} | {scores(sighted(images, seeing, ignore), labels)} |", flush=True)


def trained(encoder: Path) -> nn.Module:
    """The default's network with this encoder."""
    network = create("siamese-vae", {"dim": DIM, "size": 64})
    network.encoder.load_state_dict(load_file(encoder))
    return network.eval()


def some(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 64, 64, 3) of a folder, and numbers of their labels."""
    with TemporaryDirectory() as place:
        rows, _ = decode_folder(folder, scan(folder).candidates, place, size=64, fit="squash")
        rows = rows.iloc[np.sort(np.random.default_rng(0).permutation(len(rows))[:MOST])]
        return Pixels(place)[rows["slot"].to_numpy()], pd.factorize(labels_from("folders", rows["file_name"]))[0]


def sighted(images: np.ndarray, more: Seeing | None, ignore: tuple[str, ...]) -> np.ndarray:
    """Embeddings (n, 128) by sight alone, no outline."""
    torch.manual_seed(0)
    sight = SightWith(more, ignore)
    with torch.no_grad():
        sight.prepare(floats(images))
    codes = in_batches(sight, images)[:, :DIM]
    return Whitening.fit(codes, DIM, [Block(DIM, 1.0, np.inf)]).apply(codes)


def reduced(features: np.ndarray) -> np.ndarray:
    """64 principal components, whitened, of length 1."""
    return Whitening.fit(features, 64, [Block(features.shape[1], 1.0, 0.2)]).apply(features)


def in_batches(module: nn.Module, images: np.ndarray) -> np.ndarray:
    """What a module makes of images, a few at a time."""
    with torch.no_grad():
        return torch.cat([module(floats(few)) for few in np.array_split(images, -(-len(images) // 256))]).numpy()


def floats(images: np.ndarray) -> Tensor:
    """Images (n, 3, s, s) in [0, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def scores(embeddings: np.ndarray, labels: np.ndarray) -> str:
    """P@10 and 1-NN."""
    neighbors, _ = search.ExactIndex(embeddings).neighbors(11)
    found = search_scores(neighbors, embeddings, labels)
    return f"{found['precision_at_10']:.3f} / {found['knn_accuracy']:.3f}"


if __name__ == "__main__":
    main()
