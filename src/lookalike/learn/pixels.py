"""``pixels``: principal components of small images, the floor that every learned model has to beat."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from lookalike.learn.device import in_unit


class PixelComponents(nn.Module):
    """The ``dim`` directions in which the folder's small images vary most (Pearson, 1901); nothing else is learned.

    They are found by a randomised singular value decomposition (Halko et al., 2011), exact to rounding here.
    """

    size: ClassVar[int] = 32
    mean: Tensor
    components: Tensor

    def __init__(self, *, dim: int = 64, size: int = 32) -> None:
        super().__init__()
        self.shape = (3, size, size)
        self.register_buffer("mean", torch.zeros(3 * size * size))
        self.register_buffer("components", torch.zeros(dim, 3 * size * size))

    def prepare(self, images: Tensor) -> None:
        """Finds the components of a sample uint8 (m, 3, s, s); directions beyond min(m, 3·s·s) stay zero."""
        flat = in_unit(images).flatten(1).float()  # (m, d)
        self.mean.copy_(flat.mean(0))
        rank = min(len(self.components) + 16, *flat.shape)
        directions = torch.svd_lowrank(flat - self.mean, rank, niter=6)[2].T  # (rank, d)
        found = directions[: len(self.components)]
        signs = torch.sign(found.gather(1, found.abs().argmax(1, keepdim=True)))
        self.components[: len(found)] = found * signs

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to projections on the components, (b, dim)."""
        return (images.flatten(1).float() - self.mean) @ self.components.T

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (b, dim) to the closest images they describe, (b, 3, s, s) in [0, 1]."""
        return (codes @ self.components + self.mean).clamp(0, 1).view(-1, *self.shape)
