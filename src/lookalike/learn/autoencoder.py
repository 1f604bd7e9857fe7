"""``ae`` and ``sparse-ae``: the plain and the sparse autoencoder of the talk."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from lookalike.learn.nets import Decoder, Encoder


def squared_error(images: Tensor, decoded: Tensor) -> Tensor:
    """L(x, f(g(x))): squared error summed over pixels and channels, mean over the batch."""
    return (images - decoded.float()).square().flatten(1).sum(1).mean()


class Autoencoder(nn.Module):
    """Minimises L(x, f(g(x))), the squared error of what is decoded from the code g(x) (Hinton & Salakhutdinov, 2006).

    ``dim`` numbers a code (more keep more detail), networks ``width`` channels wide, images of ``size`` pixels a side.
    """

    size: ClassVar[int] = 64

    def __init__(self, *, dim: int = 64, size: int = 64, width: int = 32) -> None:
        super().__init__()
        self.encoder = Encoder(size, width)
        self.code = nn.Linear(self.encoder.n_features, dim)
        self.decoder = Decoder(size, dim, width)

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to codes h = g(x), (b, dim)."""
        code: Tensor = self.code(self.encoder(2 * images - 1))
        return code

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (b, dim) to images f(h), (b, 3, s, s) in [0, 1]."""
        images: Tensor = self.decoder(codes)
        return images

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """The terms to be summed and minimised; here the reconstruction alone."""
        return {"reconstruction": squared_error(images, self.decode(self.encode(images)))}


class SparseAutoencoder(Autoencoder):
    """Adds Ω(h) = λ·‖h‖₁, so that few numbers of a code differ from zero; a larger ``sparsity`` λ leaves fewer.

    The code passes a soft threshold ahead of the decoder, which makes small numbers exactly zero (Gregor & LeCun,
    2010). What follows a code is normalised in the decoder, so it cannot pay for small codes with large weights.
    """

    def __init__(self, *, dim: int = 64, size: int = 64, width: int = 32, sparsity: float = 2.0) -> None:
        super().__init__(dim=dim, size=size, width=width)
        self.sparsity = sparsity

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to sparse codes (b, dim)."""
        return nn.functional.softshrink(super().encode(images).float(), 0.1)

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """Reconstruction and λ·‖h‖₁, the latter summed over the code, mean over the batch."""
        code = self.encode(images)
        return {
            "reconstruction": squared_error(images, self.decode(code)),
            "sparsity": self.sparsity * torch.linalg.vector_norm(code, 1, dim=1).mean(),
        }
