"""Do mirror images belong to the folder? Of photos they do; of digits, or of a printed page, they do not."""

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.learn.descriptor import oriented_gradients
from lookalike.learn.device import in_parallel
from lookalike.learn.views import IGNORED

JUDGED, ENOUGH = 1500, 60
"""Images that are looked at, at most, and how few tell nothing."""
SIDE, DIRECTIONS, FEW = 64, 64, 32
TOLD_APART = 1.3
"""So many times as far as an image's nearest must that of its mirror image be, in the median."""


def differences(images: Tensor) -> tuple[str, ...]:
    """What is not to count as a difference between the images (m, 3, s, s) in [0, 1] of a folder, see `views.view`.

    `IGNORED`, without ``flip`` where mirror images are unlike everything else there.
    """
    apart = mirror_distance(images) > TOLD_APART
    return tuple(what for what in IGNORED if not (apart and what == "flip"))


def mirror_distance(images: Tensor) -> float:
    """How much farther mirror images are from the other images (m, 3, s, s) than the images themselves; 1 is equal.

    The median, over images, of the distance from its mirror image to the nearest other image, divided by the distance
    from itself to its own nearest other, by principal components of oriented gradients. 1 for few images.
    """
    if len(images) < ENOUGH:
        return 1.0
    images = functional.interpolate(images, (SIDE, SIDE), mode="area")
    own, mirrored = (in_parallel(_gradients, of, FEW) for of in (images, images.flip(-1)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        directions = torch.svd_lowrank(own - own.mean(0), DIRECTIONS)[2]
    first, second = (functional.normalize((of - own.mean(0)) @ directions) for of in (own, mirrored))
    nearest, of_mirrored = (_nearest_other(points, first) for points in (first, second))
    seen = nearest > 1e-3  # not the copies of another file, which are as near as can be
    return float((of_mirrored / nearest)[seen].median()) if seen.any() else 1.0


def _gradients(few: Tensor) -> Tensor:
    return oriented_gradients(few, SIDE // 8, mirrored=False)


def _nearest_other(points: Tensor, all_points: Tensor) -> Tensor:
    distances = torch.cdist(points, all_points)
    distances.fill_diagonal_(torch.inf)
    return distances.amin(1)
