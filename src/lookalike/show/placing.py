"""Which images a crowded map shows as pictures, and where."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from lookalike.pipeline import Library

FEW = 1_000
"""Up to so many images, one whose place is taken moves to a free place next to it."""


@dataclass(frozen=True)
class Mosaic:
    """A grid over a square map in which each cell holds one picture at most.

    cell: the side of a cell, in pixels of the map.
    rows: the images shown, int64 (m,).
    cells: the column and the line of each, int64 (m, 2).
    """

    cell: int
    rows: np.ndarray
    cells: np.ndarray


def fitted(layout: np.ndarray, size: int, margin: int, stretch: float = 1.0) -> np.ndarray:
    """A layout (n, 2) as places on a square map of ``size`` pixels, the y axis turned down.

    Its shorter side is drawn out by up to ``stretch`` to use the square; 1 keeps the proportions.
    """
    low, high = layout.min(0), layout.max(0)
    scale = (size - 2 * margin) / np.maximum(high - low, 1e-9)
    scale = np.minimum(scale, scale.min() * stretch)
    places = (layout - (low + high) / 2) * scale * (1, -1) + size / 2
    return np.asarray(places, np.float64)


def by_typicality(library: Library) -> np.ndarray:
    """All rows, int64 (n,): the most typical of each cluster first, then the second of each; those of none last."""
    n_images = len(library.clusters)
    place = np.full(n_images, n_images, np.int64)
    for members in library.typical(n_images).values():
        place[members] = np.arange(len(members))
    return np.argsort(place, kind="stable")


def mosaic(places: np.ndarray, order: np.ndarray, size: int) -> Mosaic:
    """Gives cells of a map of ``size`` pixels to images at ``places`` (n, 2), those early in ``order`` first.

    The more images, the smaller the cells, down to a 44th of the map. An image whose cell is taken is not shown, but
    moves over to a free cell beside it when there are few.
    """
    cell = cell_side(len(places), size)
    lines = size // cell
    wanted = np.clip(((places - (size - lines * cell) / 2) // cell).astype(np.int64), 0, lines - 1)
    first = np.unique(wanted[order] @ (1, lines), return_index=True)[1]
    rows = order[first]
    cells = wanted[rows]
    if len(places) <= FEW:
        moved, free = _moved(np.delete(order, first), wanted, cells, lines)
        rows, cells = np.append(rows, moved), np.append(cells, free, axis=0)
    return Mosaic(cell, rows, cells)


def cell_side(n_images: int, size: int) -> int:
    """Pixels a side of a cell on a map of ``size`` pixels: a 13th of the map for few images, a 44th for many."""
    share = min(max(0.7 / sqrt(max(n_images, 1)), 1 / 44), 1 / 13)
    return max(8, round(share * size))


def _moved(rows: np.ndarray, wanted: np.ndarray, cells: np.ndarray, lines: int) -> tuple[np.ndarray, np.ndarray]:
    """Those of the rows for which a cell is free at most two off the one they want, and these cells."""
    free = np.ones((lines, lines), bool)
    free[cells[:, 0], cells[:, 1]] = False
    moved, found = [], []
    for row in rows:
        around = np.argwhere(free)
        apart = np.abs(around - wanted[row])
        near = np.flatnonzero(apart.max(1, initial=0) <= 2)
        if len(near):
            column, line = around[near[(apart[near] ** 2).sum(1).argmin()]]
            free[column, line] = False
            moved.append(row)
            found.append((column, line))
    return np.array(moved, np.int64), np.array(found, np.int64).reshape(-1, 2)
