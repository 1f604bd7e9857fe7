"""How large the pictures of a folder are, by the headers of some: nothing is decoded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import ImageError
from lookalike.images.decode import header_size
from lookalike.images.reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

SOME = 200
"""Pictures that are looked into, at most."""
LARGEST = 64 << 20
"""Bytes of a file that is looked into, at most: of some formats Pillow reads the whole for its header."""


def typical_side(pictures: Sequence[Any]) -> int:
    """Pixels of the shorter side, the median of up to 200 pictures spread evenly over a sequence; 0 when none tells.

    A picture is the path of a file, or an array (h, w) or (h, w, 3). What cannot be read is passed over.
    """
    spread = np.unique(np.linspace(0, len(pictures) - 1, min(SOME, len(pictures))).round().astype(int))
    sides = [_shorter_side(pictures[row]) for row in spread.tolist()]
    known = [side for side in sides if side]
    return int(np.median(known)) if known else 0


def _shorter_side(picture: Any) -> int:
    if isinstance(picture, np.ndarray):
        return int(min(picture.shape[:2]))
    try:
        with open(open_regular(os.fspath(picture)), "rb") as file:
            small = os.fstat(file.fileno()).st_size <= LARGEST
            return min(header_size(file)) if small else 0
    except (ImageError, OSError, ValueError):
        return 0
