"""Self-similar sets: Julia sets, flames, ferns."""

import numpy as np

from lookalike.demo import canvas as cv
from lookalike.demo import palette
from lookalike.demo.palette import Array

Rng = np.random.Generator


def _escape(zx: Array, zy: Array, c: complex, limit: int) -> tuple[Array, Array]:
    """Iterate z² + c: the smooth number of steps to escape (limit where none) and the least |z| on the way."""
    shape = zx.shape
    steps, least = np.full(zx.size, limit, np.float32), np.full(zx.size, 9, np.float32)
    left, x, y = np.arange(zx.size), zx.ravel().copy(), zy.ravel().copy()
    cx, cy = np.float32(c.real), np.float32(c.imag)
    trap = least.copy()
    for step in range(limit):
        x2, y2 = x * x, y * y
        square = x2 + y2
        np.minimum(trap, square, out=trap)
        y = 2 * x * y + cy
        x = x2 - y2 + cx
        if step % 4 == 3:
            gone = square > 60
            out = left[gone]
            steps[out] = step - np.log2(np.log2(square[gone]) * np.float32(0.5))
            least[out] = trap[gone]
            stay = ~gone
            left, x, y, trap = left[stay], x[stay], y[stay], trap[stay]
    least[left] = trap
    return steps.reshape(shape), least.reshape(shape)


def julia(rng: Rng, size: int) -> Array:
    """A Julia set of z² + c, c just outside the Mandelbrot set's edge, coloured by its smooth escape time."""
    turn = rng.uniform(0.55, 2 * np.pi - 0.55)
    edge = np.exp(1j * turn) / 2 - np.exp(2j * turn) / 4
    if rng.uniform() < 0.3:
        edge = -1 + 0.25 * np.exp(1j * turn)
    c = complex(edge + np.exp(1j * turn) * rng.uniform(0.004, 0.03))
    zoom = rng.uniform(0.55, 1.35)
    u, v = cv.turned(size, rng.uniform(0, 6.3), zoom, (rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2)))
    steps, least = _escape(u, v, c, 64)
    calm = cv.level(np.log(np.minimum(steps, 64) + 2))
    scale = palette.ramp(rng, low=0.08, high=0.98, turn=0.6)
    scale = scale[::-1] if rng.uniform() < 0.5 else scale
    bands = 0.08 * rng.uniform() * np.sin(steps * rng.uniform(0.5, 1.5))
    picture = palette.tint(calm ** rng.uniform(0.6, 1.2) + bands, scale)
    cv.over(picture, np.clip(np.exp(-np.sqrt(least) * rng.uniform(2, 8)), 0, 1) * 0.7, scale[rng.integers(512)])
    return picture


def _chaos_game(rng: Rng, maps: Array, chance: Array, bend: str) -> tuple[Array, Array]:
    """Play affine maps (k, 6) in random order from 5,000 places at once: points (2, n) and a colour 0..1 for each."""
    many, rounds, skip = 5000, 30, 8
    x, y = rng.uniform(-1, 1, (2, many)).astype(np.float32)
    tone, home = np.full(many, 0.5, np.float32), np.linspace(0, 1, len(maps), dtype=np.float32)
    columns = np.ascontiguousarray(maps.T, dtype=np.float32)
    seen = []
    table = np.repeat(np.arange(len(maps)), np.rint(chance / chance.sum() * 256).astype(int))
    picks = table[rng.integers(0, len(table), (rounds, many), np.uint16)]
    for number, pick in enumerate(picks):
        a, b, e, c, d, f = np.take(columns, pick, axis=1)
        x, y = a * x + b * y + e, c * x + d * y + f
        if bend == "sine":
            x, y = np.sin(x * 1.3), np.sin(y * 1.3)
        elif bend == "swirl":
            r2 = x * x + y * y
            x, y = x * np.sin(r2) - y * np.cos(r2), x * np.cos(r2) + y * np.sin(r2)
        elif bend == "ball":
            r2 = x * x + y * y + 0.35
            x, y = x / r2, y / r2
        tone = 0.5 * (tone + home[pick])
        if number >= skip:
            seen.append((x, y, tone))
    xs, ys, tones = (np.concatenate(part) for part in zip(*seen, strict=True))
    return np.stack([xs, ys]), tones


def _density(points: Array, weight: Array, size: int) -> tuple[Array, Array]:
    """Count points (2, n) in −1..1 per pixel: density (size, size), mean 1, and the mean weight in each pixel."""
    x, y = np.floor((points + 1) * np.float32(size / 2)).astype(np.int32)
    inside = np.flatnonzero((x >= 0) & (x < size) & (y >= 0) & (y < size))
    index = (y * size + x)[inside].astype(np.intp)
    count = np.bincount(index, minlength=size * size).reshape(size, size)
    total = np.bincount(index, weight[inside], minlength=size * size).reshape(size, size)
    count, total = (cv.blur(field.astype(np.float32), 0.45 / 128) for field in (count, total))
    return count / max(float(count.mean()), 1e-9), total / (count + np.float32(1e-4))


def flame(rng: Rng, size: int) -> Array:
    """A fractal flame (Draves 1992): random bent maps, brightness by the logarithm of how often a place is met."""
    count = int(rng.integers(2, 4))
    angle, shrink = rng.uniform(0, 6.3, count), rng.uniform(0.45, 0.85, (2, count))
    c, s = np.cos(angle), np.sin(angle)
    shift = rng.uniform(-0.7, 0.7, (2, count))
    maps = np.stack([c * shrink[0], -s * shrink[1], shift[0], s * shrink[0], c * shrink[1], shift[1]], 1)
    fold = int(rng.choice([1, 2, 3, 4, 5]))
    points, tone = _chaos_game(rng, maps, np.full(count, 1 / count), str(rng.choice(["sine", "swirl", "ball"])))
    low, high = np.quantile(points[:, ::9], [0.02, 0.98], axis=1)[..., None]
    points = ((points - (low + high) / 2) / (high - low).max() * 1.7).astype(np.float32)
    spin = (rng.uniform(0, 6.3) + np.arange(len(tone)) % fold * (2 * np.pi / fold)).astype(np.float32)
    if fold > 2:
        points = points * np.float32(0.62) + np.array([[0.3], [0]], np.float32)
    (x, y), c, s = points, np.cos(spin), np.sin(spin)
    points = np.stack([x * c - y * s, x * s + y * c])
    density, tone = _density(points, tone, size)
    glow = np.log1p(density * 3)
    glow = np.clip(glow / np.quantile(glow[::3, ::3], 0.995), 0, 1) ** np.float32(0.8)
    soft = np.clip(cv.blur(glow, 0.05), 0, 1)
    ground, inks = palette.contrast(rng, 1)
    picture = cv.backdrop(rng, size, ground, 0.4)
    cv.over(picture, soft * 0.5, inks[0])
    dark = float(ground.mean()) < 0.5
    scale = palette.ramp(rng, low=0.5 if dark else 0.15, high=1.0 if dark else 0.6, turn=0.5)
    cv.over(picture, np.clip(1.25 * glow, 0, 1), palette.tint(cv.level(tone), scale))
    return picture


def fern(rng: Rng, size: int) -> Array:
    """Barnsley's fern (1988), its leaflets narrower or wider, upright or curled, alone or in a group."""
    curl, width, pitch = rng.normal(0, 0.035), rng.uniform(0.75, 1.25), rng.uniform(0.8, 1.15)
    maps = np.array(
        [
            [0, 0, 0, 0, 0.17, 0],
            [0.85, 0.04 + curl, 0, -0.04 - curl, 0.85, 1.6],
            [0.2 * width, -0.26 * pitch, 0, 0.23 * width, 0.22 * pitch, 1.6],
            [-0.15 * width, 0.28 * pitch, 0, 0.26 * width, 0.24 * pitch, 0.44],
        ]
    )
    points, _ = _chaos_game(rng, maps, np.array([0.02, 0.8, 0.09, 0.09]), "")
    height = points[1] / 10
    ground, inks = palette.contrast(rng, 2)
    picture = cv.backdrop(rng, size, ground, 0.6)
    count = int(rng.choice([1, 1, 2, 3]))
    for k in range(count):
        lean = rng.normal(0, 0.35) + (k - (count - 1) / 2) * 0.5
        scale = rng.uniform(0.16, 0.21) * (0.85 if count > 1 else 1)
        scale, side = float(scale), float(rng.choice([-1, 1]))
        x, y = points[0, k::count] * (scale * side), (5 - points[1, k::count]) * scale
        foot, slide = 5 * scale, rng.uniform(-0.2, 0.2)
        c, s = float(np.cos(lean)), float(np.sin(lean))
        place = np.stack([x * c - (y - foot) * s + slide, x * s + (y - foot) * c + foot])
        density, tone = _density(place, height[k::count], size)
        crowd = np.log1p(density) * np.float32(0.5)
        colour = palette.tint(cv.level(tone), palette.between(inks[0], inks[1]))
        cv.over(picture, np.clip(crowd * 1.1, 0, 1), cv.lit(colour, 0.72 + 0.3 * np.clip(crowd, 0, 1.2)))
    return picture
