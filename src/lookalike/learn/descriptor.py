"""What is known beforehand of how pictures look: oriented gradients and colours.

A network from random weights needs many pictures to find out what an edge is; histograms of oriented gradients know
(Dalal & Triggs, *Histograms of oriented gradients for human detection*, 2005). `sight.py` learns what to make of them.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.learn.device import at_once
from lookalike.learn.measures import BINS, CLIP, FLOOR, PALETTE

CHUNK = 4
"""Images that are worked on at once: what stays in the processor's cache."""


def oriented_gradients(images: Tensor, *cells: int, mirrored: bool) -> Tensor:
    """Histograms of gradient directions in cells of so many pixels a side, normalised in blocks of 2x2 cells.

    Images (b, 3, s, s) in [0, 1] to (b, blocks² · 4 · 18), blocks = s/cell - 1, for each of ``cells`` side by side.
    ``mirrored`` averages with what the mirrored image would give, so that both give the same.
    """
    few_by_few = torch.split(images, at_once(images.device, CHUNK))
    return torch.cat([torch.cat(_gradients_of_few(few.float(), cells, mirrored), 1) for few in few_by_few])


def colour_layout(images: Tensor, cells: int, *, mirrored: bool) -> Tensor:
    """Mean colour of ``cells`` x ``cells`` cells as lightness and two differences from it: (b, 3 · cells²)."""
    means = functional.adaptive_avg_pool2d(images.float(), cells)
    lightness = means.mean(1, keepdim=True)
    layout = torch.cat([lightness, means[:, :1] - lightness, means[:, 2:] - lightness], 1)
    return ((layout + layout.flip(-1)) / 2 if mirrored else layout).flatten(1)


def palette(images: Tensor) -> Tensor:
    """Which colours a picture has, wherever: images (b, 3, s, s) in [0, 1] to (b, 16 · 4 · 4), of length 1.

    Square roots of the shares of 16 hues, in 4 saturations and 4 values each (Swain & Ballard, *Color indexing*, 1991).
    """
    images = images.float()
    value, low = images.amax(1), images.amin(1)
    span = value - low
    red, green, blue = images.unbind(1)
    sixths = torch.where(value == red, green - blue, torch.where(value == green, blue - red, red - green))
    sixths = sixths / span.clamp(min=1e-6) + torch.where(value == red, 0, torch.where(value == green, 2, 4))
    hues, saturations, values = PALETTE
    bins = (sixths % 6 * (hues / 6)).long().clamp(max=hues - 1) * saturations
    bins = (bins + (span / value.clamp(min=1e-6) * saturations).long().clamp(max=saturations - 1)) * values
    bins = (bins + (value * values).long().clamp(max=values - 1)).flatten(1)
    counts = images.new_zeros(len(images), hues * saturations * values)
    return counts.scatter_add_(1, bins, torch.ones_like(bins, dtype=counts.dtype)).div_(bins.shape[1]).sqrt_()


def _gradients_of_few(images: Tensor, cells: Sequence[int], mirrored: bool) -> list[Tensor]:
    shares = shares_by_direction(strongest_gradients(images))  # (b, bins, s, s)
    return [_blocks(_by_cell(shares, cell), mirrored) for cell in cells]


def _blocks(histograms: Tensor, mirrored: bool) -> Tensor:
    blocks = _normalised_blocks(histograms)
    if not mirrored:
        return blocks
    return (blocks + _normalised_blocks(in_the_mirror(histograms))) / 2


def in_the_mirror(histograms: Tensor) -> Tensor:
    """What histograms of directions (b, bins, h, w) are of the mirrored images."""
    bins = histograms.shape[1]
    opposite = (bins // 2 - torch.arange(bins, device=histograms.device)) % bins  # where a direction goes
    return histograms[:, opposite].flip(-1)


def strongest_gradients(images: Tensor) -> Tensor:
    """Difference across, down, and its strength (b, 3, s, s), of each pixel's channel where that is largest."""
    padded = functional.pad(images.contiguous(), (1, 1, 1, 1), mode="replicate")
    across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    strength = across.square().addcmul_(down, down)
    chosen = torch.stack([across[:, 0], down[:, 0], strength[:, 0]], 1)
    for channel in (1, 2):
        stronger = strength[:, channel : channel + 1] > chosen[:, 2:]
        other = torch.stack([across[:, channel], down[:, channel], strength[:, channel]], 1)
        chosen = torch.where(stronger, other, chosen)
    chosen[:, 2] = (chosen[:, 2] + 1e-12).sqrt()
    return chosen


def shares_by_direction(gradients: Tensor, bins: int = BINS) -> Tensor:
    """Strength by direction, smoothly shared between neighbouring directions: (b, bins, s, s)."""
    angles = torch.arange(bins, device=gradients.device) * (2 * math.pi / bins)
    reach = math.cos(2 * math.pi / bins)
    weights = torch.stack([angles.cos(), angles.sin(), torch.full_like(angles, -reach)], 1) / (1 - reach)
    return (weights @ gradients.flatten(2)).relu_().view(len(gradients), bins, *gradients.shape[2:])


def _by_cell(shares: Tensor, cell: int) -> Tensor:
    """Shares (b, bins, s, s), smoothly split between neighbouring cells: (b, bins, s/cell, s/cell)."""
    side = shares.shape[-1]
    centres = (torch.arange(side // cell, device=shares.device) + 0.5) * cell
    distances = (torch.arange(side, device=shares.device)[:, None] + 0.5 - centres).abs()
    tents = (1 - distances / cell).clamp(min=0) / cell  # (s, s/cell)
    return tents.T @ (shares @ tents)


def _normalised_blocks(histograms: Tensor) -> Tensor:
    """Each 2x2 cells divided by their length, clipped, divided again (Lowe, 2004): (b, blocks² · 4 · bins)."""
    end = histograms.shape[-1] - 1
    corners = [histograms[..., i : end + i, j : end + j] for i in (0, 1) for j in (0, 1)]
    blocks = torch.stack(corners, 1)  # (b, 4, bins, blocks, blocks)
    blocks = (blocks / (_length(blocks) + FLOOR)).clamp(max=CLIP)
    return (blocks / (_length(blocks) + 1e-3)).flatten(1)


def _length(blocks: Tensor) -> Tensor:
    return blocks.square().sum((1, 2), keepdim=True).sqrt()
