"""Strokes: many round dabs at once, each with its own radius, so that a line may taper and change colour."""

import numpy as np

from lookalike.demo.palette import Array

REACHES = (1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 17, 21, 26, 32, 48, 72, 108)
CACHED = 40_000  # pixels worked on at once, so that they stay in the processor's cache


def dabs(size: int, points: Array, radius: Array | float, *, soft: float = 0.0) -> tuple[Array, Array]:
    """Return the coverage 0..1 and the number of the dab seen at each pixel, float32 and int64 (size, size).

    Points (n, 2) and radii are in picture units (−1..1). Where several dabs cover a pixel fully the later one is
    seen. `soft` widens the edge beyond one pixel. Cost: one step per pixel touched by each dab.
    """
    at = (points + 1) * (size / 2) - 0.5
    r = np.broadcast_to(np.asarray(radius) * (size / 2), len(points))
    edge = max(1.0, soft * size / 2)
    best = np.zeros(size * size, np.int64)
    needed = np.clip(np.ceil(r + edge / 2), 1, REACHES[-1])
    kind = np.searchsorted(REACHES, needed)
    for k in np.unique(kind):
        _stamp(best, size, at, r, np.flatnonzero(kind == k), (REACHES[k], edge))
    coverage = (best >> 32).astype(np.float32) * np.float32(1 / 255)
    return coverage.reshape(size, size), (best & 0xFFFFFFFF).reshape(size, size)


def _stamp(best: Array, size: int, at: Array, r: Array, chosen: Array, shape: tuple[int, float]) -> None:
    """Stamp the chosen dabs, all with the same reach in pixels, into `best` (coverage above, dab number below)."""
    reach, edge = shape
    offset = np.arange(-reach, reach + 1)
    batch = max(1, CACHED // len(offset) ** 2)
    for first in range(0, len(chosen), batch):
        now = chosen[first : first + batch]
        near = np.rint(at[now]).astype(np.int64)
        x, y = near[:, 0, None] + offset, near[:, 1, None] + offset  # (n, k)
        dx2 = np.square(x - at[now, 0, None]).astype(np.float32)
        dy2 = np.square(y - at[now, 1, None]).astype(np.float32)
        dx2[(x < 0) | (x >= size)] = np.inf
        dy2[(y < 0) | (y >= size)] = np.inf
        square = dx2[:, None, :] + dy2[:, :, None]  # (n, k, k)
        limit = (r[now] + edge / 2).astype(np.float32)
        touched = np.flatnonzero(square < np.square(limit)[:, None, None])
        dab, place = touched // len(offset) ** 2, touched % len(offset) ** 2
        alpha = np.minimum((limit[dab] - np.sqrt(square.ravel()[touched])) * np.float32(1 / edge), 1)
        pixel = (near[:, 1] * size + near[:, 0])[dab] + (offset[:, None] * size + offset).ravel()[place]
        np.maximum.at(best, pixel, (alpha * 255).astype(np.int64) << 32 | now[dab])


def along(size: int, start: Array, end: Array, radius: Array) -> tuple[Array, Array, Array]:
    """Turn segments (n, 2) to (n, 2), with radii (n, 2) at both ends, into dabs.

    Returns points (m, 2), radii (m,) and for each the number of its segment (m,), spaced closely enough for an even
    line: two fifths of the radius, at least 0.7 pixels.
    """
    length = np.sqrt(((end - start) ** 2).sum(1))
    step = np.maximum(radius.min(1) / 2.5, 1.4 / size)
    count = np.maximum(np.ceil(length / step).astype(int), 1)
    which = np.repeat(np.arange(len(start)), count)
    first = np.repeat(np.cumsum(count) - count, count)
    t = (np.arange(len(which)) - first + 0.5) / count[which]
    points = start[which] + t[:, None] * (end - start)[which]
    return points, radius[which, 0] + t * (radius[:, 1] - radius[:, 0])[which], which


def polyline(size: int, points: Array, radius: Array | float) -> tuple[Array, Array, Array]:
    """Turn an open line (n, 2) with radii (n,) or one radius into dabs, as `along` does."""
    r = np.broadcast_to(np.asarray(radius, np.float64), len(points))
    return along(size, points[:-1], points[1:], np.stack([r[:-1], r[1:]], 1))
