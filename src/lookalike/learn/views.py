"""Views of a batch: the same images as they might have been taken, by what is to be ignored."""

import math
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

IGNORABLE = ("flip", "rotation", "color", "crop", "scale")
"""What a user can say does not count as a difference."""
IGNORED = ("flip", "crop", "scale")
"""What does not, where nobody says; `symmetry.differences` takes ``flip`` out where it does."""


def mirrored(images: Tensor, ignore: Collection[str]) -> Tensor:
    """Half of the images, drawn at random, flipped left to right where ``flip`` is to be ignored."""
    if "flip" not in ignore:
        return images
    flipped = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(flipped, images.flip(-1), images)


def view(images: Tensor, ignore: Collection[str]) -> Tensor:
    """One view of images (b, 3, s, s) in [0, 1]: moved and lit a little always, more by what is to be ignored.

    ``crop`` shows 60 to 100 % of the area somewhere in the picture (mild: small crops unlearn the layout that many
    things are known by); ``scale`` zooms in or out by up to 1.25; ``rotation`` turns by up to 20 degrees; ``color``
    shifts hue and saturation, and makes a fifth of the pictures grey.
    """
    moved = functional.grid_sample(images, _placements(images, ignore), padding_mode="reflection", align_corners=False)
    return _lit(moved, strongly="color" in ignore).clamp(0, 1)


def another_view(images: np.ndarray, ignore: Collection[str], *, seed: int = 0) -> np.ndarray:
    """Images uint8 (m, s, s, 3) as they might have been taken too, same shape: mirrored by chance, then a `view`.

    Equal seeds give equal views. What else draws random numbers from torch is not disturbed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        floats = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
        seen = view(mirrored(floats, ignore), ignore)
    return (seen * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def _placements(images: Tensor, ignore: Collection[str]) -> Tensor:
    """Where each view's pixels come from: (b, s, s, 2)."""
    n, device = len(images), images.device
    side = _uniform(n, math.sqrt(0.6) if "crop" in ignore else 0.94, 1.0, device)
    zoom = torch.exp(_uniform(n, -1, 1, device) * (math.log(1.25) if "scale" in ignore else 0.0))
    angle = _uniform(n, -1, 1, device) * (math.radians(20) if "rotation" in ignore else 0.0)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)], 1)
    shift = torch.stack([_uniform(n, -1, 1, device), _uniform(n, -1, 1, device)], 1) * (1 - side)[:, None]
    matrix = torch.cat([turn * (side * zoom)[:, None, None], shift[:, :, None]], 2)  # (b, 2, 3)
    return functional.affine_grid(matrix, list(images.shape), align_corners=False)


def _lit(images: Tensor, *, strongly: bool) -> Tensor:
    """Another light: brightness and contrast by up to a fifth, and colours when ``strongly``."""
    n, device = len(images), images.device
    contrast, brightness = _uniform(n, 0.8, 1.2, device), _uniform(n, -0.1, 0.1, device)
    offset = brightness + (1 - contrast) * images.mean((1, 2, 3))
    lit = images * contrast.view(-1, 1, 1, 1) + offset.view(-1, 1, 1, 1)
    if not strongly:
        return lit
    grey = lit.mean(1, keepdim=True)
    saturation = (_uniform(n, 0.4, 1.6, device) * (torch.rand(n, device=device) > 0.2)).view(-1, 1, 1, 1)
    tint = _uniform(3 * n, -0.15, 0.15, device).view(n, 3, 1, 1) * (saturation > 0)
    return grey + (lit - grey) * saturation + tint


def _uniform(n: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(n, device=device) * (high - low) + low
