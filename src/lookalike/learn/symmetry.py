"""Do mirror images belong to the folder? Of photos they do; of digits, or of a printed page, they do not."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lookalike.learn.descriptor import oriented_gradients
from lookalike.learn.device import in_parallel, to_floats
from lookalike.learn.views import IGNORED

JUDGED, ENOUGH = 1500, 60
"""Images that are looked at, at most, and how few tell nothing."""
SIDE, DIRECTIONS, FEW = 64, 64, 32
NEIGHBOR = 10
"""The how-manieth nearest is looked at: nearer ones may be other takes of the same thing, which nobody mirrored."""
TOLD_APART = 1.15
"""So many times as far as an image's must that of its mirror image be, in the median."""


def differences(pixels: np.ndarray) -> tuple[str, ...]:
    """What is not to count as a difference between the images uint8 (m, s, s, 3) of a folder, see `views.view`.

    `IGNORED`, without ``flip`` where mirror images are unlike everything else there.
    """
    small = [
        functional.interpolate(to_floats(few, torch.device("cpu")), (SIDE, SIDE), mode="area")
        for few in np.array_split(pixels, -(-len(pixels) // FEW) or 1)
    ]
    apart = mirror_distance(torch.cat(small)) > TOLD_APART
    return tuple(what for what in IGNORED if not (apart and what == "flip"))


def mirror_distance(images: Tensor) -> float:
    """How much farther mirror images are from the others (m, 3, 64, 64) in [0, 1] than the images; 1 is equally far.

    The median, over images, of the distance from its mirror image to the tenth nearest other image, divided by the
    distance from itself to its own, by principal components of oriented gradients. 1 for few images.
    """
    if len(images) < ENOUGH:
        return 1.0
    own, mirrored = (in_parallel(_gradients, of, FEW) for of in (images, images.flip(-1)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        directions = torch.svd_lowrank(own - own.mean(0), DIRECTIONS)[2]
    first, second = (functional.normalize((of - own.mean(0)) @ directions) for of in (own, mirrored))
    near, of_mirrored = (_distance_to_others(points, first) for points in (first, second))
    seen = near > 1e-3  # of copies of one file nothing can be told
    return float((of_mirrored / near)[seen].median()) if seen.any() else 1.0


def _gradients(few: Tensor) -> Tensor:
    return oriented_gradients(few, SIDE // 8, mirrored=False)


def _distance_to_others(points: Tensor, all_points: Tensor) -> Tensor:
    distances = torch.cdist(points, all_points)
    distances.fill_diagonal_(torch.inf)
    return distances.kthvalue(NEIGHBOR, 1).values
