"""What is around each place of a picture, told without a network: gradients, finer and coarser, and colours.

What `motifs` are made of from scratch, where there is no starter to say it: RootSIFT (Lowe, *Distinctive image features
from scale-invariant keypoints*, 2004; Arandjelović & Zisserman, *Three things everyone should know to improve object
retrieval*, 2012) on a grid, as for scenes and textures before networks were trained (Lazebnik et al., 2006), and the
same of the colours of neighbouring cells.
"""

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.learn.descriptor import in_the_mirror, shares_by_direction, strongest_gradients
from lookalike.learn.measures import DENSE, DENSE_BINS, DENSE_COLOURS, DIM, PALE, TINTED, Window
from lookalike.learn.starter import Maps


def dense_gradients(images: Tensor, *, mirrored: bool) -> Maps:
    """Images (b, 3, s, s) in [0, 1] to the gradients around every place, `DENSE_CHANNELS` maps (b, c, h, w); then, if
    asked for, those of the mirrored images."""
    gradients = shares_by_direction(strongest_gradients(images), DENSE_BINS)
    cells = [functional.avg_pool2d(gradients, window.pixels) for window in DENSE]
    ways = (cells, [in_the_mirror(of) for of in cells]) if mirrored else (cells,)
    return [[_around(of, window, PALE) for of, window in zip(way, DENSE, strict=True)] for way in ways]


def dense_colours(images: Tensor, *, mirrored: bool) -> Maps:
    """The same of colours, `TINT_CHANNELS`."""
    cells = functional.avg_pool2d(_tints(images), DENSE_COLOURS.pixels)
    ways = (cells, cells.flip(-1)) if mirrored else (cells,)
    return [[_around(way, DENSE_COLOURS, DIM)] for way in ways]


def _around(cells: Tensor, window: Window, faint: float) -> Tensor:
    """The cells (b, c, h, w) in a window around each place, square roots of their shares: (b, c · cells², h', w')."""
    roots = functional.unfold(cells.sqrt(), window.cells, stride=window.step)  # (b, c · cells², places)
    shares = roots / (roots.square().sum(1, keepdim=True) + faint * window.cells**2).sqrt()
    side = (cells.shape[-1] - window.cells) // window.step + 1
    return shares.view(*shares.shape[:2], side, side)


def _tints(images: Tensor) -> Tensor:
    """Light, dark, red, green, yellow and blue of images (b, 3, s, s): none negative, (b, 6, s, s)."""
    red, green, blue = torch.split(images, 1, 1)
    light = images.mean(1, keepdim=True)
    colours = TINTED * torch.cat([red - green, (red + green) / 2 - blue], 1)
    return torch.cat([light, 1 - light, colours.relu(), (-colours).relu()], 1)
