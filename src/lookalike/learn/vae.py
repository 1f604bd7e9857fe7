"""``vae`` and ``talk``: variational autoencoders (Kingma & Welling, 2014)."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from lookalike.learn.nets import Decoder, Encoder, convolution

WARM_UP = 0.2
"""Share of the training over which the weight of the Kullback-Leibler term grows from 0 to 1 (Bowman et al., 2016)."""


def gaussian_error(images: Tensor, decoded: Tensor) -> Tensor:
    """-log p(x|z) summed over pixels, mean over the batch, up to a constant, with the likeliest σ of the batch.

    For N(x; f(z), σ²) the σ² that maximises the likelihood is the mean squared error itself, which leaves
    D/2 · log(mse) (Rybkin et al., *Simple and Effective VAE Training with Calibrated Decoders*, 2021).
    """
    mean_squared = (images - decoded.float()).square().mean()
    return 0.5 * images[0].numel() * (torch.log(mean_squared + 1e-6) + math.log(2 * math.pi) + 1)


def kullback_leibler(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, Σ) ‖ N(0, 1)) of each number of the code, mean over the batch: (dim,) in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)


class VariationalAutoencoder(nn.Module):
    """Maximises the ELBO: q(z|x) = N(μ(x), Σ(x)) with a diagonal Σ, p(x|z) a Gaussian whose σ is learned.

    The Kullback-Leibler term warms up, and each number of the code has ``free_bits`` nats that cost nothing (Kingma et
    al., 2016), both against a posterior that collapses; ``beta`` weighs the term (Higgins et al., 2017): larger means
    a smoother, emptier code. ``encode`` gives the posterior mean μ.
    """

    size: ClassVar[int] = 64

    def __init__(
        self, *, dim: int = 64, size: int = 64, width: int = 32, beta: float = 1.0, free_bits: float = 0.1
    ) -> None:
        super().__init__()
        self.beta, self.free_bits, self.dim = beta, free_bits, dim
        self.encoder, self.heads, self.decoder = self.build_halves(size, width)

    def build_halves(self, size: int, width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
        """Encoder, the two heads (μ and log Σ side by side), decoder."""
        encoder = Encoder(size, width)
        return encoder, nn.Linear(encoder.n_features, 2 * self.dim), Decoder(size, self.dim, width)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (b, 3, s, s) in [0, 1] to μ(x) and log Σ(x), (b, dim) each."""
        mean, log_variance = self.heads(self.encoder(2 * images - 1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 8)

    def encode(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s) in [0, 1] to posterior means μ, (b, dim)."""
        return self.posterior(images)[0]

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (b, dim) to the mean of p(x|z), (b, 3, s, s) in [0, 1]."""
        images: Tensor = self.decoder(codes)
        return images

    def loss(self, images: Tensor, progress: float) -> dict[str, Tensor]:
        """The negative ELBO's two terms; ``progress`` in [0, 1] drives the warm-up."""
        mean, log_variance = self.posterior(images)
        codes = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)  # (b, dim)
        divergence = kullback_leibler(mean, log_variance).clamp(min=self.free_bits).sum()
        return {
            "reconstruction": gaussian_error(images, self.decode(codes)),
            "divergence": self.beta * min(1.0, progress / WARM_UP) * divergence,
        }


class TalkVAE(VariationalAutoencoder):
    """The network of the talk: 256x256x3 → 16x16x1 → 256x256x3.

    Its layer list is unpublished; only the interface and the numbers of parameters are known, 74,221,184 in the
    encoder and 18,326,659 in the decoder. Here: the first four blocks of VGG-16 (Simonyan & Zisserman, 2015) down to
    16x16x512 and two heads Dense(256), together 74.7 million (+0.7 %); the blocks mirrored with transposed
    convolutions, 18.0 million (-1.9 %). Three epochs are enough, says the talk.
    """

    size: ClassVar[int] = 256
    batch: ClassVar[int] = 16
    epochs: ClassVar[float] = 3.0

    def __init__(self, *, dim: int = 256, size: int = 256, beta: float = 1.0, free_bits: float = 0.0) -> None:
        super().__init__(dim=dim, size=size, beta=beta, free_bits=free_bits)

    def build_halves(self, size: int, width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
        """VGG-like halves around a code of 16x16x1; the code's side is a sixteenth of the picture's."""
        side = size // 16
        if size < 16 or size % 16:
            raise ValueError(f"size={size} must be a multiple of 16")
        if self.dim != side**2:
            raise ValueError(f"the code of `talk` is {side}x{side} = {side**2} numbers, not {self.dim}")
        return _vgg_encoder(), nn.Linear(512 * self.dim, 2 * self.dim), _vgg_decoder(side)


def _vgg_encoder() -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels_in, channels_out, repeats in [(3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3)]:
        layers.append(convolution(channels_in, channels_out))
        layers += [convolution(channels_out, channels_out) for _ in range(repeats - 1)]
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten())


def _vgg_decoder(side: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Unflatten(1, (1, side, side)), convolution(1, 512)]
    layers += [convolution(512, 512), convolution(512, 512)]
    for channels_in, channels_out, repeats in [(512, 256, 2), (256, 128, 2), (128, 64, 1), (64, 64, 1)]:
        layers += [nn.ConvTranspose2d(channels_in, channels_in, 4, 2, 1), nn.ReLU()]
        layers += [convolution(channels_in, channels_in) for _ in range(repeats)]
        layers.append(convolution(channels_in, channels_out))
    return nn.Sequential(*layers, nn.Conv2d(64, 3, 3, 1, 1), nn.Sigmoid())
