"""Trains the default's network on drawn pictures, and writes its encoder.

    python benchmarks/starter/train.py build/starter.safetensors --showings 300000 --kept 20000     # two cores
    python benchmarks/starter/train.py build/starter.safetensors --showings 12000000                # a graphics card

The default's own loss and loop; only, its two views are of two drawings of one program (--pairs program), or of one
drawing (--pairs crop). A drawing costs a processor more than a step of training, so ``--kept`` draws so many programs
beforehand and shows them again and again; without, no program is seen twice. With ``--resume FOLDER`` a training that
was interrupted goes on.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from families import FAMILIES
from safetensors.torch import save_file
from stream import Stream
from torch import Tensor

from lookalike.learn.checkpoint import Checkpoint
from lookalike.learn.device import pick_device
from lookalike.learn.model import Trained, complete
from lookalike.learn.siamese import SiameseVAE, disagreement
from lookalike.learn.training import Run
from lookalike.learn.vae import WARM_UP, gaussian_error, kullback_leibler
from lookalike.learn.views import mirrored, view

BATCH, FIRST = 256, 1 << 20
"""Images of a step; the programs from FIRST on are trained with."""


class OfPrograms(SiameseVAE):
    """The default with images (b, 6, s, s): two drawings, whose codes have to agree, and of which one is decoded."""

    def prepare(self, images: Tensor) -> None:
        """Sight of the first drawings."""
        super().prepare(images[:, :3])

    def known(self, images: Tensor) -> Tensor:
        """Sight of the first drawings (b, dim + OUTLINE)."""
        return super().known(images[:, :3])

    def loss(self, images: Tensor, progress: float, known: Tensor | None = None) -> dict[str, Tensor]:
        """That of the default, with a view of each drawing where it has two views of one image."""
        drawing, again = images.chunk(2, dim=1)
        whole = mirrored(drawing, self.ignore)
        mean, log_variance = self.posterior(view(whole, self.ignore))
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        decoded = self.decode(torch.cat([self.known(images) if known is None else known, code], 1))
        divergence = kullback_leibler(mean, log_variance).clamp(min=self.free_bits).sum()
        other = self.posterior(view(mirrored(again, self.ignore), self.ignore))[0]
        return {
            "reconstruction": self.reconstruction * gaussian_error(whole, decoded),
            "divergence": self.beta * min(1.0, progress / WARM_UP) * divergence,
            "disagreement": self.agreement * disagreement(self.project(mean), self.project(other)),
        }


class Kept:
    """Programs drawn once, by their rows."""

    def __init__(self, stream: Stream, rows: np.ndarray) -> None:
        self.first = rows[0]
        self.pictures = np.concatenate([stream[few] for few in np.array_split(rows, math.ceil(len(rows) / BATCH))])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.pictures[rows - self.first]


def main() -> None:
    """Draws, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="the file to write")
    parser.add_argument("--showings", type=int, default=300_000, help="images that training sees, in two views each")
    parser.add_argument("--kept", type=int, default=0, help="programs drawn beforehand and shown again; 0 for none")
    parser.add_argument("--pairs", choices=("program", "crop"), default="program")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--without", default="", help="families that are left out")
    parser.add_argument("--minutes", type=float, default=math.inf, help="ends the training by the clock")
    parser.add_argument("--resume", type=Path, help="a folder to keep the state in")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    trained, facts = of_programs(options)
    options.encoder.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous().cpu() for name, tensor in trained.network.encoder.state_dict().items()}
    save_file(state, options.encoder, {"facts": json.dumps(facts)})
    print(json.dumps({**facts, **trained.facts, **{name: terms[-1] for name, terms in trained.history.items()}}))


def of_programs(options: argparse.Namespace) -> tuple[Trained, dict[str, Any]]:
    """The trained network, and how it came to be."""
    device = pick_device("auto")
    families = [name for name in options.families.split(",") if name not in options.without.split(",")]
    rows = FIRST + np.arange(options.kept or options.showings)
    stream = Stream(families, twice=options.pairs == "program", device=device)
    pixels = Kept(stream, rows) if options.kept else stream
    settings = complete("siamese-vae", {})
    torch.manual_seed(options.seed)
    trained = Trained("siamese-vae", OfPrograms(**settings), settings=settings, device=device)
    n_steps = math.ceil(options.showings / BATCH)
    run = Run(trained, pixels, rows, n_steps=n_steps, seed=options.seed, limit=60 * options.minutes)
    run.go(Checkpoint(options.resume, run.fingerprint()) if options.resume else None, None)
    facts = {name: getattr(options, name) for name in ("showings", "kept", "pairs", "seed")}
    return trained, {**facts, "families": families}


if __name__ == "__main__":
    main()
