"""What describes pictures: in batches by `descriptor`, `patches`, `texture`, `starter`, `dense`, `motifs`, alone by
`alone`."""

from functools import cache
from math import pi
from typing import NamedTuple

import numpy as np

BINS = 18
"""Directions of a gradient, around the full circle: light on dark is another thing than dark on light."""
CLIP = 0.3
"""No direction counts more than this share of its block, so that one strong edge does not drown the rest."""
FLOOR = 0.03
"""Blocks whose gradients are fainter than this (of white on black) fade out instead of becoming noise."""
COLOUR_CELLS = 8
"""Cells a side whose mean colour is looked at."""
PALETTE = (16, 4, 4)
"""Hues, saturations and values that colours are counted by."""
LOOKED_AT = (32, 64)
"""Pixels a side, least and most, that a picture is shrunk to before its patches are looked at: half of its own."""
SIDE = 6
"""Of them a side of a patch."""
WORDS = 128
"""Patterns that patches are compared with; more tell finer ones apart, and cost in proportion."""
SURE = 0.35
"""A patch counts for a word by how much their cosine is above this."""
GRIDS = (1, 2, 3)
"""Cells a side over which a word's share is averaged."""
FAINT = 10 / 255
"""Patches whose contrast is lower than this (of white on black) count less."""
LEVELS = 3
"""Scales that texture is looked at, each of half the pixels a side."""
ORIENTATIONS = 6
"""Ways that a pattern may run, over the half circle."""
REACH, WIDTH, WAVE = 2, 1.1, 2.6
"""Pixels from the middle of a filter to its edge, standard deviation of its window, and from crest to crest."""
UNSEEN = 0.02
"""Patterns fainter than this (of white on black) count as none."""
TOGETHER = 0.3
"""What a correlation between two bands weighs beside their means and standard deviations."""
SEEN = 128
"""Pixels a side that the starter looks at, at most."""
LEARNED = 64
"""Pixels a side that the network behind `sight` sees and draws, at most."""
STARTER_CELLS = 4
"""Cells a side over which what it sees is averaged."""


class Convolution(NamedTuple):
    """A layer of the starter: 3x3, followed by a ReLU; ``begins`` or ``ends`` the stretch that a shortcut bridges."""

    channels: int
    stride: int
    begins: bool = False
    ends: bool = False


CONVOLUTIONS = (
    Convolution(32, 2),
    Convolution(64, 2),
    Convolution(64, 1, begins=True),
    Convolution(64, 1, ends=True),
    Convolution(128, 2),
    Convolution(128, 1, begins=True),
    Convolution(128, 1, ends=True),
)
"""The starter's layers; the pictures' three channels come before them."""
DEPTHS = tuple(layer.channels for layer in CONVOLUTIONS if layer.ends)
"""Channels where its motifs are looked for: where a shortcut ends."""
MOTIFS = 64
"""Words that what it sees at a place is compared with; more tell finer things apart, and cost in proportion."""
DIRECTIONS = 64
"""Principal directions of its channels in which that is done."""
OF_MOTIFS = {"motifs": 1, "enlarged": 2}
"""Where they are looked for, by how many times the picture's pixels a side: in more, what is seen is smaller."""
COMPONENTS = 256
"""Principal components of what is summed for all of them."""
SOFT = 0.1
"""How softly a place is shared out among words, in mean squared lengths: 0 would give it to the nearest."""


class Window(NamedTuple):
    """What is looked at around each place: ``cells`` x ``cells`` cells of ``pixels`` x ``pixels``; ``step`` cells from
    place to place."""

    pixels: int
    cells: int
    step: int


DENSE_BINS = 8
"""Directions of a gradient in `dense`."""
DENSE = (Window(2, 4, 2), Window(4, 4, 1))
"""Where `dense` looks at gradients: finer things, and coarser ones."""
DENSE_COLOURS = Window(4, 2, 1)
"""Where it looks at colours."""
TINTED = 3.0
"""What a difference in colour counts there beside one in lightness."""
PALE = 0.04
"""Gradients fainter than this a cell, of white on black, fade out there, so that a plain wall is not all noise."""
DIM = 0.02
"""The same of colours."""


DENSE_CHANNELS = tuple(DENSE_BINS * window.cells**2 for window in DENSE)
TINT_CHANNELS = (6 * DENSE_COLOURS.cells**2,)
"""Numbers that `dense` gives of each place: of gradients, and of colours."""


def looked_at(size: int) -> int:
    """Pixels a side at which patches of pictures of ``size`` pixels a side are looked at."""
    least, most = LOOKED_AT
    return min(max(size // 2, least), most)


@cache
def quadrature() -> np.ndarray:
    """Gabor filters of mean 0, float32 (2 · orientations, side, side): an even and an odd one for each orientation."""
    down, across = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    angles = np.arange(ORIENTATIONS)[:, None, None] * pi / ORIENTATIONS
    phase = 2 * pi / WAVE * (np.cos(angles) * across + np.sin(angles) * down)
    window = np.exp(-(down**2 + across**2) / (2 * WIDTH**2))
    even = window * (np.cos(phase) - (window * np.cos(phase)).sum((1, 2), keepdims=True) / window.sum())
    filters = np.stack([even, window * np.sin(phase)], 1)  # (orientations, 2, side, side)
    filters /= np.sqrt((filters**2).sum((2, 3), keepdims=True))
    return filters.reshape(-1, *window.shape).astype(np.float32)


def in_the_mirror() -> np.ndarray:
    """Where each band of texture goes: ints (levels · orientations,)."""
    bands = np.arange(LEVELS * ORIENTATIONS).reshape(LEVELS, ORIENTATIONS)
    return bands[:, -np.arange(ORIENTATIONS) % ORIENTATIONS].ravel()
