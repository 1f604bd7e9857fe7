"""Networks that learn from pairs of drawings (b, 6, s, s), each with its own loss; several learn from one stream.

What they see has `SIZE` pixels a side. Of larger drawings strong crops show details that the whole does not have; for
the other views drawings are shrunk.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.learn.model import complete
from lookalike.learn.nets import Encoder
from lookalike.learn.siamese import SiameseVAE, disagreement
from lookalike.learn.views import IGNORED, mirrored, view

PREPARED = 2000
"""Drawings of which the default's sight is found."""
SIZE = 64


class OfPrograms(SiameseVAE):
    """The default: two drawings, whose codes have to agree, and of which one is decoded."""

    def prepare(self, images: Tensor) -> None:
        """Sight of some of the first drawings."""
        super().prepare(shrunk(images[:PREPARED, :3]))

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """That of the default, with a view of each drawing where it has two views of one image."""
        drawing, again = shrunk(images).chunk(2, dim=1)
        return super().loss(drawing, progress, again=again)


class Contrast(nn.Module):
    """An encoder alone: what it sees anywhere in one view has to tell which other view is of the same program.

    In half of the pairs both views are of one drawing, in the others of two. ``strong`` views show 20 to 100 % of the
    area, in other colours; mild ones are the default's.
    """

    def __init__(self, width: int, *, strong: bool) -> None:
        super().__init__()
        self.strong = strong
        self.encoder = Encoder(SIZE, width)
        self.project = nn.Sequential(nn.Linear(4 * width, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128))

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """The disagreement of two views."""
        drawing, again = images.chunk(2, dim=1)
        other = torch.where(torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5, drawing, again)
        first, second = (self._projected(self._view(of)) for of in (drawing, other))
        return {"disagreement": disagreement(first, second)}

    def _view(self, images: Tensor) -> Tensor:
        flipped = mirrored(images, IGNORED)
        return view(cropped(flipped), ("color", "rotation")) if self.strong else view(shrunk(flipped), IGNORED)

    def _projected(self, images: Tensor) -> Tensor:
        seen = self.encoder((2 * images - 1).contiguous(memory_format=torch.channels_last))
        return self.project(seen.view(len(images), -1, self.encoder.cells**2).mean(2))


def cropped(images: Tensor) -> Tensor:
    """A part of each image (b, 3, s, s), 20 to 100 % of its area, up to a third longer than broad, at `SIZE`."""
    n, device = len(images), images.device
    side = (0.2 + 0.8 * torch.rand(n, device=device)).sqrt()
    long = torch.exp((2 * torch.rand(n, device=device) - 1) * math.log(4 / 3) / 2)
    sides = torch.stack([side * long, side / long], 1).clamp(max=1)  # (n, 2)
    shift = (2 * torch.rand(n, 2, device=device) - 1) * (1 - sides)
    matrix = torch.cat([torch.diag_embed(sides), shift[:, :, None]], 2)
    grid = functional.affine_grid(matrix, [n, 3, SIZE, SIZE], align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def shrunk(images: Tensor) -> Tensor:
    """Images (b, c, s, s) at `SIZE`, bytes or floats."""
    if images.shape[-1] == SIZE:
        return images
    floats = functional.adaptive_avg_pool2d(images.float(), SIZE)
    return floats if images.is_floating_point() else floats.round().to(images.dtype)


class Several(nn.Module):
    """Learners side by side: their losses are summed, and as none shares a weight, each learns as if it were alone."""

    size = SIZE

    def __init__(self, learners: Mapping[str, nn.Module], batch: int) -> None:
        super().__init__()
        self.learners, self.batch = nn.ModuleDict(learners), batch

    def prepare(self, images: Tensor) -> None:
        """Prepares those that want it."""
        for learner in self.learners.values():
            if hasattr(learner, "prepare"):
                learner.prepare(images)

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """All terms of all, by name."""
        return {
            f"{name} {term}": value
            for name, learner in self.learners.items()
            for term, value in learner.loss(images, progress).items()
        }


LEARNERS = {
    "default": lambda: OfPrograms(**complete("siamese-vae", {})),
    "mild": lambda: Contrast(64, strong=False),
    "strong": lambda: Contrast(64, strong=True),
    "strong-32": lambda: Contrast(32, strong=True),
}
