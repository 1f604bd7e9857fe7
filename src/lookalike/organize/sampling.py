"""Large collections: what is fitted on a sample is carried to the rest, by who is near whom."""

import numpy as np
from numpy.typing import NDArray

_GUIDES = 3  # placed neighbours, the nearest of them, whose middle a row is put in
_BLOCK = 50_000  # rows at once


def drawn(n: int, most: int, seed: int) -> NDArray[np.int64]:
    """``most`` of n rows at random, in order."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def spread(
    layout: NDArray[np.float32], chosen: NDArray[np.int64], neighbors: NDArray[np.integer], seed: int
) -> NDArray[np.float32]:
    """Positions of all rows, from those of a sample: each in the middle of its nearest neighbours that have one.

    Those with no such neighbour wait until some of theirs have been placed; a row that nobody leads to goes to where a
    random one of the sample is. No two end at the same place.

    Args:
        layout: float32 (m, dim), positions of the sample.
        chosen: rows (m,) of the sample.
        neighbors: rows (n, k) near each row, nearest first.
        seed: of the small noise, a thousandth of the layout's extent, that parts those in the same place.
    """
    random, n = np.random.default_rng(seed), len(neighbors)
    positions = np.zeros((n, layout.shape[1]), np.float32)
    placed = np.zeros(n, bool)
    positions[chosen], placed[chosen] = layout, True
    waiting = np.flatnonzero(~placed)
    while len(waiting):
        led = _led(positions, placed, waiting, neighbors)
        if not led.any():
            positions[waiting] = layout[random.integers(0, len(layout), len(waiting))]
            break
        placed[waiting[led]] = True
        waiting = waiting[~led]
    rest = np.setdiff1d(np.arange(n), chosen, assume_unique=True)
    positions[rest] += random.normal(scale=1e-3 * layout.std(), size=(len(rest), layout.shape[1]))
    return positions


def _led(
    positions: NDArray[np.float32],
    placed: NDArray[np.bool_],
    waiting: NDArray[np.int64],
    neighbors: NDArray[np.integer],
) -> NDArray[np.bool_]:
    """Gives a position to those waiting who have placed neighbours, and tells which these are."""
    led = np.zeros(len(waiting), bool)
    for start in range(0, len(waiting), _BLOCK):
        rows = waiting[start : start + _BLOCK]
        near = neighbors[rows]
        known = placed[near]
        first = np.argsort(~known, axis=1, kind="stable")[:, :_GUIDES]  # those with a position, in their order
        near, known = np.take_along_axis(near, first, axis=1), np.take_along_axis(known, first, axis=1)
        some = known.any(axis=1)
        middle = (positions[near] * known[:, :, None]).sum(axis=1) / np.maximum(known.sum(axis=1), 1)[:, None]
        positions[rows[some]] = middle[some]
        led[start : start + len(rows)] = some
    return led
