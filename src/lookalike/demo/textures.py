"""Surfaces: marble, wood, spots, mosaics, waves, contour maps, bubbles, pebbles."""

import numpy as np

from lookalike.demo import canvas as cv
from lookalike.demo import palette
from lookalike.demo.palette import Array

Rng = np.random.Generator


def marble(rng: Rng, size: int) -> Array:
    """Polished stone: stripes bent by fractal noise, with sharp veins."""
    bend = cv.fbm(rng, size, int(rng.integers(2, 4)), gain=0.55)
    cloud = cv.fbm(rng, size, 3, octaves=6, gain=0.6)
    u, _ = cv.turned(size, rng.uniform(0, 6.3), scale=rng.uniform(1.5, 5))
    share = rng.uniform(0.3, 0.85)
    stripes = 0.5 + 0.5 * np.sin(u + rng.uniform(5, 13) * bend)
    ramp = palette.ramp(rng, low=rng.uniform(0.05, 0.5), high=rng.uniform(0.75, 1), turn=0.2)
    picture = palette.tint(share * stripes + (1 - share) * cloud, ramp)
    for _ in range(int(rng.integers(1, 5))):
        ridge = np.abs(cv.fbm(rng, size, int(rng.integers(2, 4)), gain=0.5) + 0.35 * bend - rng.uniform(0.5, 0.75))
        vein = np.exp(ridge * -rng.uniform(40, 110)) + 0.35 * np.exp(ridge * -14)
        cv.over(picture, np.clip(vein, 0, 1) * rng.uniform(0.5, 0.95), ramp[int(rng.choice([0, 511]))])
    return picture


def wood(rng: Rng, size: int) -> Array:
    """Sawn boards: year rings around a far pith, fibres, a knot here and there."""
    u, v = cv.turned(size, rng.choice([0, np.pi / 2]) + rng.normal(0, 0.12))
    boards = int(rng.choice([1, 1, 2, 3, 4]))
    board = np.clip(np.floor((v * 0.48 + 0.5) * boards), 0, boards - 1).astype(int)
    pith = rng.uniform(-1.6, 1.6, boards).astype(np.float32)[board]
    shift = rng.uniform(-2, 2, boards).astype(np.float32)[board]
    wobble = cv.sample(cv.noise(rng, size, 6, across=3), u * 0.4 + shift, v)
    ring = np.sqrt((v - pith) ** 2 + (0.10 + 0.02 * wobble) * (u * 0.6 + shift) ** 2) + 0.03 * wobble
    for _ in range(int(rng.integers(0, 3))):
        x, y = rng.uniform(-0.8, 0.8, 2).tolist()
        ring += rng.uniform(0.15, 0.4) * np.exp(-((u - x) ** 2 + 3 * (v - y) ** 2) * rng.uniform(15, 45))
    phase = ring * rng.uniform(7, 16) % 1
    year = phase**2 * cv.smoothstep(1.0, 0.9, phase)
    fibre = cv.sample(cv.noise(rng, size, 100, across=5), u, v)
    tone = 0.75 - 0.5 * year + 0.06 * fibre + 0.08 * rng.normal(0, 1, boards).astype(np.float32)[board]
    picture = palette.tint(tone, palette.ramp(rng, low=rng.uniform(0.1, 0.45), high=rng.uniform(0.7, 1), turn=0.08))
    seam = np.abs((v * 0.48 + 0.5) * boards - np.rint((v * 0.48 + 0.5) * boards)) / boards * 2
    return cv.lit(picture, 1 - 0.7 * (boards > 1) * np.exp(-((seam / 0.012) ** 2)))


def spots(rng: Rng, size: int) -> Array:
    """An animal's coat: band-passed noise cut at a threshold gives spots, stripes or a labyrinth (after Turing)."""
    n = 96
    fy, fx = np.meshgrid(np.fft.fftfreq(n) * n, np.fft.rfftfreq(n) * n, indexing="ij")
    angle, squeeze, peak = rng.uniform(0, 3.2), rng.choice([1.0, 1.0, 2.2]), rng.uniform(4, 12)
    fu, fv = fx * np.cos(angle) + fy * np.sin(angle), fy * np.cos(angle) - fx * np.sin(angle)
    band = np.exp(-(((np.hypot(fu, fv * squeeze) - peak) / (0.22 * peak)) ** 2))
    coarse = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((n, n))) * band, (n, n))
    field = cv.upsample((coarse / coarse.std()).astype(np.float32), size)
    ground, inks = palette.contrast(rng, 2)
    rows, columns = np.gradient(field, 2 / size)
    slope = np.sqrt(rows * rows + columns * columns) + peak * 0.3
    cut = rng.uniform(-0.1, 0.9)
    distance = (cut - field) / slope
    picture = cv.backdrop(rng, size, ground, 0.3)
    halo = cv.cover(distance - rng.uniform(0, 0.06), size, 0.04)
    cv.over(picture, halo * rng.uniform(0, 0.8), inks[1])
    cv.over(picture, cv.cover(distance, size), inks[0])
    if rng.uniform() < 0.5:
        cv.over(picture, cv.cover(distance + 1.1 / peak * rng.uniform(0.25, 0.5), size), palette.lighter(inks[1], 0.2))
    light = (rows * np.sin(angle) + columns * np.cos(angle)) / (slope + 1e-6)
    return cv.lit(picture, 1 + rng.uniform(0, 0.16) * light)


def _nearest_two(rng: Rng, u: Array, v: Array, jitter: float) -> tuple[Array, Array, Array, Array]:
    """Of jittered points, one per unit square: vectors (2, ...) to nearest and second, gap of squares, cell."""
    table = (0.5 + jitter * (rng.uniform(0, 1, (2, 64, 64)) - 0.5)).astype(np.float32).reshape(2, -1)
    iu, iv = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    fu, fv = u - iu, v - iv
    around = [(du, dv) for du in (-1, 0, 1) for dv in (-1, 0, 1)]

    def towards(du: Array | int, dv: Array | int) -> tuple[Array, Array, Array]:
        spot = ((iv + dv) & 63) * 64 + ((iu + du) & 63)
        return (np.take(table[0], spot) - fu) + du, (np.take(table[1], spot) - fv) + dv, spot

    first, second = np.full(u.shape, 9, np.float32), np.full(u.shape, 9, np.float32)
    which, next_which = np.zeros(u.shape, np.int8), np.zeros(u.shape, np.int8)
    for k, (du, dv) in enumerate(around):
        x, y, _ = towards(du, dv)
        square = x * x + y * y
        closer, between = square < first, square < second
        next_which[between] = k
        np.copyto(next_which, which, where=closer)
        which[closer] = k
        second = np.maximum(first, np.minimum(second, square))
        first = np.minimum(first, square)
    x, y, cell = towards(*np.array(around)[which].transpose(2, 0, 1))
    next_x, next_y, _ = towards(*np.array(around)[next_which].transpose(2, 0, 1))
    near = np.stack([x, y]).astype(np.float32)
    return near, np.stack([next_x, next_y]).astype(np.float32), second - first, cell


def mosaic(rng: Rng, size: int) -> Array:
    """Voronoi cells with joints between: stained glass, cracked mud, a giraffe (Worley 1996)."""
    scale = float(rng.uniform(2.2, 6.5))
    u, v = cv.turned(size, rng.uniform(0, 3.2), scale, (50.0, 50.0))
    near, next_near, gap, cell = _nearest_two(rng, u, v * rng.choice([1.0, 1.0, 1.7]), rng.uniform(0.75, 1))
    between = np.sqrt(((near - next_near) ** 2).sum(0)) + 1e-4
    border = gap / (2 * between) / scale
    colours = palette.harmony(rng, 7, low=rng.uniform(0.2, 0.5), high=rng.uniform(0.7, 0.95))
    shade = rng.uniform(-0.15, 0.15, 4096).astype(np.float32)
    ids = rng.integers(0, len(colours), 4096)
    picture = np.take(colours[ids] + shade[:, None], cell, axis=0)
    facet = rng.uniform(-0.3, 0.3, (2, 4096)).astype(np.float32)
    picture = cv.lit(picture, 1 + facet[0][cell] * near[0] + facet[1][cell] * near[1])
    width = rng.uniform(0.012, 0.04)
    glow = rng.uniform(0, 0.35) * np.exp(-border / (width * 2))
    picture = cv.lit(picture, 1 - glow)
    joint = palette.lighter(colours[0], rng.choice([-0.75, 0.8]))
    cv.over(picture, cv.cover(border - width, size), joint)
    return picture


def waves(rng: Rng, size: int) -> Array:
    """Ripples from a few sources, or plane waves in symmetric directions, added up."""
    x, y = cv.grid(size)
    total = np.zeros((size, size), np.float32)
    if rng.uniform() < 0.6:
        for _ in range(int(rng.integers(2, 6))):
            sx, sy = rng.uniform(-1.3, 1.3, 2).tolist()
            far = np.sqrt((x - sx) ** 2 + (y - sy) ** 2 + np.float32(0.003))
            total += np.sin(far * rng.uniform(14, 40) + rng.uniform(0, 6.3)) / (0.5 + far)
    else:
        count, first, pitch = int(rng.integers(3, 8)), rng.uniform(0, 3.2), rng.uniform(9, 24)
        for k in range(count):
            u, _ = cv.turned(size, first + np.pi * k / count, pitch)
            total += np.cos(u + np.float32(rng.uniform(0, 6.3)))
    scale = palette.cycle(rng, 3) if rng.uniform() < 0.3 else palette.ramp(rng, low=0.12, turn=0.6)
    level = cv.level(total)
    rows, columns = np.gradient(level, 2 / size)
    gleam = np.clip(rows * 0.02 + columns * 0.02, -0.3, 0.3) * rng.uniform(0.3, 1.2)
    return cv.lit(palette.tint(cv.smoothstep(0.05, 0.95, level), scale), 1 + gleam)


def contours(rng: Rng, size: int) -> Array:
    """A map of hills: height lines, every fifth heavier, over layered tints and hill shading."""
    height = cv.fbm(rng, size, int(rng.integers(2, 5)), octaves=4, gain=rng.uniform(0.3, 0.45))
    levels = int(rng.integers(9, 22))
    rows, columns = np.gradient(height, 2 / size)
    slope = np.sqrt(rows * rows + columns * columns) + 0.02
    ground, inks = palette.contrast(rng, 1)
    scale = palette.ramp(rng, low=0.3, high=0.97)
    scale = scale[::-1] if rng.uniform() < 0.5 else scale
    layered = palette.tint(np.floor(height * levels) / levels, scale)
    picture = cv.flat(size, ground)
    cv.over(picture, np.full((size, size), rng.choice([0.0, 0.5, 1.0])), layered)
    picture = cv.lit(picture, 1 + np.clip(0.10 * (rows - columns), -0.4, 0.4) * rng.uniform(0.2, 1))
    line = palette.lighter(scale.min(0), -0.6) if picture.mean() > 0.5 else palette.lighter(inks[0], 0.3)
    for every, width in ((1, 0.005), (5, 0.012)):
        steps = height * levels / every
        distance = np.abs(steps - np.rint(steps)) * every / levels / slope
        cv.over(picture, cv.cover(distance - width, size) * 0.85, line)
    return picture


def _packed(rng: Rng, count: int, least: float, most: float) -> Array:
    """Return up to `count` discs (x, y, radius), small ones many, that hardly touch: float64 (n, 3), large first."""
    radii = np.sort(least * (most / least) ** (rng.uniform(0, 1, count) ** 1.6))[::-1]
    kept = np.empty((0, 3))
    for radius in radii.tolist():
        places = rng.uniform(-1.1, 1.1, (12, 2))
        gaps = np.sqrt(((places[:, None] - kept[None, :, :2]) ** 2).sum(2)) - kept[:, 2] - radius
        free = gaps.min(1, initial=9)
        best = int(np.argmax(np.where(free > 0, -free, -99 + free)))
        if free[best] > -0.1 * radius:
            kept = np.vstack([kept, [*places[best], radius]])
    return kept


def bubbles(rng: Rng, size: int) -> Array:
    """Soap bubbles: a thin bright rim, shimmering film, a window's reflection and its echo below."""
    ground = palette.tint(cv.level(cv.turned(size, rng.uniform(0, 6.3))[0]), palette.ramp(rng, low=0.1, turn=0.25))
    picture = cv.lit(ground, 0.8 + 0.3 * cv.fbm(rng, size, 2, octaves=2))
    film = palette.cycle(rng, 4)
    for x, y, radius in _packed(rng, int(rng.integers(14, 50)), 0.035, rng.uniform(0.25, 0.5)).tolist():
        window = cv.region(size, x, y, radius)
        dx, dy = (d / np.float32(radius) for d in cv.local(size, window, x, y))
        r = np.sqrt(dx * dx + dy * dy)
        inside = cv.cover((r - 1) * radius, size)
        shimmer = palette.tint((r * r * 1.3 + 0.4 * dx + 0.3 * dy + x) % 1, film)
        cv.over(picture[window], inside * (0.06 + 0.75 * np.clip(r, 0, 1) ** 6), shimmer)
        gleam = np.exp(-((dx + 0.42) ** 2 + (dy + 0.45) ** 2) * 22) + 0.45 * np.exp(
            -((dx - 0.45) ** 2 + (dy - 0.5) ** 2) * 30
        )
        rim = 0.5 * np.exp(-(((r - 0.95) / 0.04) ** 2))
        cv.over(picture[window], np.clip(gleam + rim, 0, 1) * inside * 0.85, np.ones(3, np.float32))
    return picture


def pebbles(rng: Rng, size: int) -> Array:
    """Stones on a beach, lying over one another, each lit from one side and throwing a shadow."""
    colours = palette.harmony(rng, 6, low=rng.uniform(0.25, 0.45), high=rng.uniform(0.65, 0.92))
    picture = cv.backdrop(rng, size, palette.lighter(colours[0], -0.4), 0.5)
    grain = cv.noise(rng, size, 60) * 0.05 + cv.noise(rng, size, 17) * 0.05
    side, mean = rng.uniform(0, 6.3), rng.uniform(0.09, 0.2)
    lx, ly = float(np.cos(side)), float(np.sin(side))
    for _ in range(int(min(3.4 / mean**1.7, 130))):
        x, y = rng.uniform(-1.1, 1.1, 2).tolist()
        radius = float(np.clip(mean * np.exp(rng.normal(0, 0.35)), 0.04, 0.5))
        window = cv.region(size, x, y, radius * 1.35)
        dx, dy = (d / np.float32(radius) for d in cv.local(size, window, x, y))
        turn, narrow = rng.uniform(0, 3.2), rng.uniform(1, 1.5)
        c, s = float(np.cos(turn)), float(np.sin(turn))
        a, b = c * dx + s * dy, (c * dy - s * dx) * narrow
        a, b = a * a, b * b
        r = np.sqrt(0.5 * (a + b) + 0.5 * np.sqrt(a * a + b * b))
        shadow = cv.smoothstep(1.3, 0.8, np.sqrt((dx - 0.12 * lx) ** 2 + (dy - 0.12 * ly) ** 2) * 0.5 * (1 + narrow))
        picture[window] = cv.lit(picture[window], 1 - 0.6 * shadow)
        bulge = np.sqrt(np.clip(1 - r * r * 0.85, 0, 1))
        tone = 0.55 + 0.4 * bulge - 0.3 * (lx * dx + ly * dy) + grain[window] * rng.uniform(0.5, 2.5)
        stone = cv.lit(colours[rng.integers(len(colours))], tone)
        cv.over(picture[window], cv.cover((r - 1) * radius / narrow, size), stone)
    return picture
