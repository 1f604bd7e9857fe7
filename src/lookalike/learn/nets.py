"""The convolutional halves that models share.

Written for two CPU cores: the stem halves the picture twice before anything costly happens, no convolution of stride
1 runs at full size, and the decoder ends in a pixel shuffle (Shi et al., 2016). Every width is a multiple of 32, which
is what the bf16 kernels of oneDNN like best.
"""

import torch
from torch import Tensor, nn


def convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU()
    )


class Residual(nn.Module):
    """x + f(x) with two 3x3 convolutions (He et al., 2016); f starts at zero, so a block begins as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) to the same shape."""
        result: Tensor = torch.relu(x + self.second(self.first(x)))
        return result


class Encoder(nn.Module):
    """Images (b, 3, size, size) to features (b, 16 · 4·width): a strided stem, three residual stages, 4x4 cells kept.

    The cells are flattened, not averaged away: where something lies in the picture is part of what it looks like.
    ``size`` is 32, 48 or a multiple of 64; a larger ``width`` sees more and costs its square.
    """

    def __init__(self, size: int, width: int = 64) -> None:
        super().__init__()
        if size < 32 or size % (64 if size > 64 else 16) or width < 2 or width % 2:
            raise ValueError(f"size={size} must be 32, 48 or a multiple of 64, and width={width} an even number")
        stages = [
            convolution(3, width // 2, stride=2),  # size/2
            convolution(width // 2, width, stride=2),  # size/4
            Residual(width),
            convolution(width, 2 * width, stride=2),  # size/8
            Residual(2 * width),
            convolution(2 * width, 4 * width, stride=2),  # size/16
            Residual(4 * width),
        ]
        self.layers = nn.Sequential(*stages)
        self.pool = nn.AvgPool2d(size // 64) if size > 64 else nn.Identity()
        self.cells = min(size, 64) // 16
        self.n_features = 4 * width * self.cells**2

    def forward(self, images: Tensor) -> Tensor:
        """Images (b, 3, s, s), floats around zero, to features (b, n_features)."""
        features: Tensor = self.pool(self.layers(images))  # (b, 4·width, cells, cells)
        return features.flatten(1)


class Decoder(nn.Module):
    """Codes (b, dim) to images (b, 3, size, size) in [0, 1]: 4x4 cells, doubled by pixel shuffles, at last by four."""

    def __init__(self, size: int, dim: int, width: int = 64) -> None:
        super().__init__()
        self.width, self.cells = width, size // 16
        self.start = nn.Linear(dim, 4 * width * self.cells**2)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(4 * width),
            nn.ReLU(),
            *self._double(4 * width, 2 * width),  # size/8
            *self._double(2 * width, width),  # size/4
            nn.Conv2d(width, 3 * 16, 3, 1, 1),
            nn.PixelShuffle(4),  # (b, 3, size, size)
        )

    @staticmethod
    def _double(channels_in: int, channels_out: int) -> list[nn.Module]:
        return [convolution(channels_in, 4 * channels_out), nn.PixelShuffle(2), convolution(channels_out, channels_out)]

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (b, dim) to images (b, 3, size, size) in [0, 1]."""
        cells = self.start(codes).view(-1, 4 * self.width, self.cells, self.cells)
        images: Tensor = torch.sigmoid(self.layers(cells.contiguous(memory_format=torch.channels_last)))
        return images
