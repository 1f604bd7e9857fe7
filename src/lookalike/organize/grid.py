"""A map becomes a grid: every image has a cell of its own, and stays beside those that it lay beside."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError

_ASPECT = 4 / 3  # width to height, about that of the part of a screen that a map has


def grid(layout: ArrayLike) -> NDArray[np.float32]:
    """Give each image of a map a cell of a grid that is a third wider than high.

    The map is halved across the longer side of the grid again and again, with as many images on each side as there are
    cells, so most neighbours stay neighbours. Time grows with n log n.

    Args:
        layout: floats (n, 2), finite.

    Returns:
        float32 (n, 2), centred on 0, cells one apart; no two images in one cell.

    Raises:
        SettingError: an array of another shape, or one that is not finite.
    """
    places = np.ascontiguousarray(layout, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not len(places) or not np.isfinite(places).all():
        raise SettingError(f"layout is {places.shape}, expected finite numbers (n, 2)")
    columns = max(1, round(np.sqrt(len(places) * _ASPECT)))
    lines = -(-len(places) // columns)
    cells = np.full((lines, columns), -1, np.int64)  # row of the image in each cell, −1 where there is none
    _halve(np.arange(len(places)), places, cells)
    found = np.empty((len(places), 2), np.float32)
    at = np.argwhere(cells >= 0)
    found[cells[at[:, 0], at[:, 1]]] = np.column_stack([at[:, 1] - (columns - 1) / 2, (lines - 1) / 2 - at[:, 0]])
    return found


def _halve(rows: NDArray[np.int64], places: NDArray[np.float64], cells: NDArray[np.int64]) -> None:
    """Fills the cells, a view of the grid, with these images: half of them each, by place along the longer side."""
    if len(rows) == 0:
        return
    if cells.size == 1:
        cells[0, 0] = rows[0]
        return
    axis = 0 if cells.shape[1] >= cells.shape[0] else 1
    along = places[rows, axis] if axis == 0 else -places[rows, axis]
    order = rows[np.lexsort((rows, along))]
    middle = cells.shape[1 - axis] // 2
    first, second = (cells[:, :middle], cells[:, middle:]) if axis == 0 else (cells[:middle], cells[middle:])
    share = round(len(rows) * first.size / cells.size)
    share = min(max(share, len(rows) - second.size), first.size)
    _halve(order[:share], places, first)
    _halve(order[share:], places, second)
