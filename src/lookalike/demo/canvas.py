"""What the families draw with: smooth noise, soft edges, filled outlines, brush strokes and light.

A canvas is float32 (size, size, 3) with values about 0..1. Places are pairs (x, y) from −1 to 1, y pointing down, so
that a picture looks the same at any size. Everything is vectorised: no loop goes over pixels.
"""

from functools import lru_cache

import numpy as np
from scipy import ndimage

from lookalike.demo.palette import Array, tint

Region = tuple[slice, slice]


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[Array, Array]:
    """Return x and y of every pixel's centre, each float32 (size, size), read-only."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2 / size) - 1
    x, y = np.meshgrid(line, line)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def turned(size: int, angle: float, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[Array, Array]:
    """Return the grid turned by an angle (radians), multiplied by scale, then shifted."""
    x, y = grid(size)
    c, s = float(np.cos(angle)) * scale, float(np.sin(angle)) * scale
    return c * x + s * y + shift[0], c * y - s * x + shift[1]


@lru_cache(maxsize=256)
def _spline(cells: int, size: int) -> tuple[Array, Array]:
    """Uniform cubic B-spline over that many cells: first knots (size,), weights (4, size, 1)."""
    at = (np.arange(size) + 0.5) / size * cells
    index = at.astype(np.intp)
    t = at - index
    parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return index, (np.stack(parts)[..., None] / 6).astype(np.float32)


def _spread_rows(lattice: Array, size: int) -> Array:
    """Interpolate the rows of a lattice (cells + 3, columns) to (size, columns)."""
    index, weights = _spline(len(lattice) - 3, size)
    out: Array = weights[0] * lattice[index]
    for knot in (1, 2, 3):
        out += weights[knot] * lattice[index + knot]
    return out


def upsample(lattice: Array, size: int) -> Array:
    """Spread a coarse lattice (rows, columns, each at least 4) smoothly over a picture: float32 (size, size)."""
    tall = _spread_rows(np.ascontiguousarray(lattice.T, dtype=np.float32), size)
    return _spread_rows(np.ascontiguousarray(tall.T), size)


def noise(rng: np.random.Generator, size: int, cells: int, *, across: int | None = None) -> Array:
    """Return smooth noise of unit spread, float32 (size, size), with `cells` bumps down and `across` bumps across."""
    lattice = rng.standard_normal((cells + 3, (across or cells) + 3), dtype=np.float32)
    return upsample(lattice, size) * np.float32(2.09)


def fbm(rng: np.random.Generator, size: int, cells: int, *, octaves: int = 5, gain: float = 0.5) -> Array:
    """Return fractal noise in 0..1, float32 (size, size); a larger gain is rougher. Octaves finer than a pixel drop."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        fine = cells * 2**octave
        lattice = rng.standard_normal((fine + 3, fine + 3), dtype=np.float32)
        if fine <= size:
            total += upsample(lattice, size) * np.float32(gain**octave)
    return level(total)


def fbm_line(rng: np.random.Generator, size: int, cells: int, *, octaves: int = 6, gain: float = 0.5) -> Array:
    """Return fractal noise along one line, about −1..1, float32 (size,)."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        knots = rng.standard_normal((cells * 2**octave + 3, 1), dtype=np.float32)
        total += _spread_rows(knots * np.float32(gain**octave), size)[:, 0]
    return total


def level(field: Array) -> Array:
    """Stretch a field to 0..1."""
    low, high = float(field.min()), float(field.max())
    return (field - low) * np.float32(1 / max(high - low, 1e-6))


def sample(field: Array, x: Array, y: Array) -> Array:
    """Read a square field at places x, y (−1..1, mirrored beyond), bilinearly."""
    half = field.shape[0] / 2
    at = np.stack([(y + 1) * half - 0.5, (x + 1) * half - 0.5])
    read: Array = ndimage.map_coordinates(field, at, order=1, mode="mirror", output=np.float32)
    return read


def smoothstep(low: float, high: float, value: Array) -> Array:
    """Rise smoothly from 0 at low to 1 at high (falls when low > high)."""
    t = np.clip((value - low) * (1 / (high - low)), 0, 1)
    out: Array = t * t * (3 - 2 * t)
    return out


def cover(distance: Array, size: int, soft: float = 0.0) -> Array:
    """Turn a signed distance (negative inside) into coverage 0..1, one pixel or `soft` wide at the edge."""
    return np.clip(0.5 - distance * (1 / max(2 / size, soft)), 0, 1)


def over(canvas: Array, alpha: Array, colour: Array) -> None:
    """Lay a colour, (3,) or one per pixel, over the canvas in place, where alpha says."""
    alpha = alpha.astype(np.float32, copy=False)
    for channel in range(3):  # three long loops are faster than many of length three
        plane = canvas[..., channel]
        plane += alpha * (colour[..., channel] - plane)


def lit(colours: Array, light: Array) -> Array:
    """Multiply one colour (3,) or one per pixel with a field of light (1 changes nothing): a new float32 canvas."""
    out = np.empty((*light.shape, 3), np.float32)
    for channel in range(3):
        np.multiply(colours[..., channel], light, out=out[..., channel], casting="same_kind")
    return out


def flat(size: int, colour: Array) -> Array:
    """Return a canvas of one colour."""
    return np.full((size, size, 3), colour, np.float32)


def backdrop(rng: np.random.Generator, size: int, colour: Array, strength: float = 0.35) -> Array:
    """Return a softly lit ground of about this colour: a slope of light and a faint cloudiness."""
    u, _ = turned(size, rng.uniform(0, 6.3))
    light = 0.6 * u + 0.35 * noise(rng, size, 2)
    tone = np.linspace(-1, 1, 512, dtype=np.float32)[:, None] * np.float32(2 * strength)
    scale = np.where(tone > 0, colour + tone * (1 - colour) * 0.6, colour * (1 + tone))
    return tint(light * 0.25 + 0.5, np.clip(scale, 0, 1).astype(np.float32))


def blur(image: Array, spread: float) -> Array:
    """Blur a field or canvas; spread is the standard deviation in picture units. Wide blurs run on a smaller copy."""
    size = image.shape[0]
    sigma = spread * size / 2
    step = max((s for s in (1, 2, 4, 8) if size % s == 0 and s <= sigma / 1.5 and size // s >= 4), default=1)
    small: Array = image.reshape(size // step, step, size // step, step, -1).mean((1, 3)) if step > 1 else image
    sigmas = (sigma / step, sigma / step) + (0,) * (small.ndim - 2)
    small = ndimage.gaussian_filter(small, sigmas, truncate=2.5, mode="nearest")
    if step == 1:
        small = small.astype(np.float32)
        return small
    edged = np.pad(small, ((1, 2), (1, 2), (0, 0)), mode="edge")
    out = np.stack([upsample(edged[..., c], size) for c in range(edged.shape[2])], -1)
    return out.reshape(image.shape).astype(np.float32)


def region(size: int, x: float, y: float, reach: float) -> Region:
    """Return the slices of the square window around a place; may be empty."""
    half = size / 2
    edges = [
        (y - reach + 1) * half - 1,
        (y + reach + 1) * half + 2,
        (x - reach + 1) * half - 1,
        (x + reach + 1) * half + 2,
    ]
    top, bottom, left, right = (int(min(max(e, 0), size)) for e in edges)
    return slice(top, bottom), slice(left, right)


def local(size: int, window: Region, x: float, y: float) -> tuple[Array, Array]:
    """Return the window's coordinates counted from a place."""
    gx, gy = grid(size)
    return gx[window] - np.float32(x), gy[window] - np.float32(y)


def outline(size: int, points: Array) -> tuple[Region, Array]:
    """Return the window and the coverage (rows, columns) of a closed outline (n, 2), non-zero winding.

    Exact along x, four scanlines per pixel along y: the crossings of every edge with every scanline are summed up
    from left to right, as font renderers do.
    """
    p = (points + 1) * (size / 2)
    x0, y0 = np.clip(np.floor(p.min(0)).astype(int), 0, size)
    x1, y1 = np.clip(np.ceil(p.max(0)).astype(int) + 1, 0, size)
    window = slice(y0, y1), slice(x0, x1)
    rows, columns = y1 - y0, x1 - x0
    if rows <= 0 or columns <= 0:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32)
    line = y0 + (np.arange(rows * 4) + 0.5) / 4
    a, b = p, np.roll(p, -1, 0)
    edge, scan = np.nonzero((a[:, 1, None] <= line) != (b[:, 1, None] <= line))
    rise = b[edge, 1] - a[edge, 1]
    cross = a[edge, 0] + (line[scan] - a[edge, 1]) / rise * (b[edge, 0] - a[edge, 0]) - x0
    cross = np.clip(cross, 0, columns)
    cell = cross.astype(int)
    part = cross - cell
    sign = np.sign(rise)
    flat_index = scan * (columns + 2) + cell
    steps = np.bincount(
        np.concatenate([flat_index, flat_index + 1]),
        np.concatenate([sign * (1 - part), sign * part]),
        minlength=rows * 4 * (columns + 2),
    )
    winding = np.abs(np.cumsum(steps.reshape(rows * 4, columns + 2), 1)[:, :columns])
    return window, np.minimum(winding, 1).reshape(rows, 4, columns).mean(1).astype(np.float32)


def fill(canvas: Array, points: Array, colour: Array, opacity: float = 1.0) -> None:
    """Fill a closed outline (n, 2) with one colour."""
    window, alpha = outline(canvas.shape[0], points)
    over(canvas[window], alpha * np.float32(opacity), colour)


def disc(
    canvas: Array, x: float, y: float, radius: float, colour: Array, *, soft: float = 0.0, opacity: float = 1.0
) -> None:
    """Paint a disc; `soft` is the width of its edge in picture units."""
    size = canvas.shape[0]
    window = region(size, x, y, radius + soft)
    dx, dy = local(size, window, x, y)
    over(canvas[window], cover(np.sqrt(dx * dx + dy * dy) - radius, size, soft) * np.float32(opacity), colour)
