"""Texture: how much of a picture runs which way at which scale, how unevenly, and what goes with what.

Statistics of the energies of a steerable pyramid describe a texture so well that it can be drawn from them (Portilla &
Simoncelli, *A parametric texture model based on joint statistics of complex wavelet coefficients*, 2000). Gradients and
patches say what is where; these say what a picture is made of, wherever.
"""

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.learn.device import at_once
from lookalike.learn.measures import LEVELS, ORIENTATIONS, TOGETHER, UNSEEN, in_the_mirror, quadrature

N_BANDS = LEVELS * ORIENTATIONS
N_TEXTURE = 2 * N_BANDS + N_BANDS * (N_BANDS - 1) // 2
"""Numbers that describe the texture of an image."""
FEW = 8
"""Images worked on at once: what stays in the processor's cache."""


def texture(images: Tensor, *, mirrored: bool) -> Tensor:
    """Mean and standard deviation of 18 bands' log energies, and their correlations: (b, 3, s, s) to (b, 189).

    A band is one of 6 orientations at one of 3 scales. ``mirrored`` averages with what the mirrored image would give.
    """
    filters = torch.from_numpy(quadrature()).to(images.device)[:, None]
    parts = torch.split(images, at_once(images.device, FEW))
    bands = torch.cat([_bands(few.float(), filters) for few in parts])  # (b, 18, cells²)
    means = bands.mean(2, keepdim=True)
    centred = bands - means
    spreads = centred.square().mean(2, keepdim=True).sqrt()
    even = centred / (spreads + 1e-3)
    together = even @ even.mT / bands.shape[2]  # (b, 18, 18)
    means, spreads = means[:, :, 0], spreads[:, :, 0]
    if mirrored:
        turned = torch.from_numpy(in_the_mirror()).to(images.device)
        means, spreads = (means + means[:, turned]) / 2, (spreads + spreads[:, turned]) / 2
        together = (together + together[:, turned][:, :, turned]) / 2
    first, second = torch.triu_indices(N_BANDS, N_BANDS, 1, device=images.device)
    return torch.cat([means, spreads, TOGETHER * together[:, first, second]], 1)


def _bands(images: Tensor, filters: Tensor) -> Tensor:
    """Log energies in as many cells as the coarsest level has pixels: (b, 18, cells²)."""
    level = images.mean(1, keepdim=True)
    cells, reach = images.shape[-1] >> LEVELS - 1, filters.shape[-1] // 2
    found = []
    for _ in range(LEVELS):
        padded = functional.pad(level, (reach,) * 4, mode="replicate")
        squares = functional.conv2d(padded, filters).square_()
        energies = functional.avg_pool2d(squares[:, ::2] + squares[:, 1::2], level.shape[-1] // cells)
        found.append((energies + UNSEEN**2).log_().div_(2).flatten(2))
        level = functional.avg_pool2d(level, 2)
    return torch.cat(found, 1)
