"""Views: mountains in haze, the sea, a skyline at night, planets, fireworks, lights out of focus."""

import numpy as np

from lookalike.demo import brush, palette
from lookalike.demo import canvas as cv
from lookalike.demo.palette import Array

Rng = np.random.Generator


def _sun(rng: Rng, picture: Array, colour: Array, x: float, y: float, radius: float) -> None:
    """Paint a sun or moon with its glow."""
    gx, gy = cv.grid(len(picture))
    far = np.sqrt((gx - x) ** 2 + (gy - y) ** 2)
    cv.over(picture, np.exp(-far * rng.uniform(1.6, 4)) * rng.uniform(0.35, 0.8), colour)
    cv.disc(picture, x, y, radius, palette.lighter(colour, 0.6))


def mountains(rng: Rng, size: int) -> Array:
    """Ranges one behind the other, paler with distance, under a sky with a sun or moon and thin clouds."""
    _, y = cv.grid(size)
    scale = palette.sky(rng)
    horizon = rng.uniform(-0.15, 0.35)
    picture = palette.tint((y + 1) / (horizon + 1.2) + 0.03 * cv.noise(rng, size, 2), scale)
    cloud = cv.noise(rng, size, 9, across=3) + 0.5 * cv.noise(rng, size, 20, across=7)
    cv.over(picture, np.clip(cloud * 0.3 - 0.1, 0, 0.5) * rng.uniform(0, 1.3), palette.lighter(scale[-1], 0.4))
    light = palette.oklch(0.92, 0.09, 2 * np.pi * rng.uniform())
    _sun(rng, picture, light, rng.uniform(-0.8, 0.8), horizon - rng.uniform(0.1, 0.8), rng.uniform(0.06, 0.2))
    near = palette.oklch(rng.uniform(0.12, 0.35), rng.uniform(0.03, 0.1), 2 * np.pi * rng.uniform())
    haze = 0.55 * scale[-1] + 0.45 * light
    count, rough = int(rng.integers(3, 8)), rng.uniform(0.38, 0.56)
    for k in range(count):
        depth = (k + 1) / count
        peak = horizon + (1 - horizon) * (depth - 1 / count) * rng.uniform(0.75, 1.0)
        ridge = peak - (0.1 + 0.16 * rng.uniform()) * cv.fbm_line(rng, size, 2 + k % 3, octaves=6, gain=rough)[None, :]
        below = y - ridge
        mist = np.clip((y - peak + 0.15) * rng.uniform(0.4, 1.4), 0, 0.5 * (1 - 0.6 * depth))
        colour = haze + (near - haze) * np.float32(depth**0.8)
        slope = palette.tint(mist, palette.between(colour, haze))
        cv.over(picture, cv.cover(-below, size), slope)
    return picture


def sea(rng: Rng, size: int) -> Array:
    """Open water to the horizon: clouds, a low sun, its glitter on waves that shrink with distance."""
    x, y = cv.grid(size)
    scale, horizon = palette.sky(rng), rng.uniform(-0.45, 0.3)
    picture = palette.tint((y + 1) / (horizon + 1), scale)
    cloud = cv.fbm(rng, size, 3, octaves=5, gain=0.55)
    cloud = cv.sample(cloud, x * 0.8, (y - horizon) * rng.uniform(1.2, 2.6))
    cv.over(
        picture,
        np.clip((cloud - rng.uniform(0.4, 0.7)) * 3, 0, 0.8),
        palette.lighter(scale[rng.choice([150, 511])], rng.choice([-0.1, 0.5])),
    )
    light = palette.oklch(0.93, 0.08, 2 * np.pi * rng.uniform())
    sun = rng.uniform(-0.7, 0.7)
    _sun(rng, picture, light, sun, horizon - rng.uniform(-0.03, 0.6), rng.uniform(0.07, 0.2))
    far = 1 / np.maximum(y - horizon + 0.04, 0.03)
    swell = cv.noise(rng, size, 30, across=30)
    wave = cv.sample(swell, x * far * rng.uniform(0.25, 0.45), np.log(far) * rng.uniform(1, 1.8))
    wave += 0.6 * cv.sample(swell, x * far * 0.9 + 0.3, np.log(far) * 3.7 + 0.2)
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    wave *= 0.35 + 0.65 * cv.smoothstep(0, 0.2, depth)
    deep = palette.oklch(rng.uniform(0.2, 0.45), rng.uniform(0.04, 0.1), 2 * np.pi * rng.uniform())
    mirror = palette.tint(1 - depth * 0.8 + 0.16 * wave, scale)
    cv.over(mirror, 0.25 + 0.6 * depth, deep)
    water = cv.lit(mirror, 1 + 0.1 * wave)
    glitter = np.exp(-(((x - sun) / (0.06 + 0.3 * depth)) ** 2)) * cv.smoothstep(0.2, 1.3, wave + 0.3)
    cv.over(water, np.clip(glitter, 0, 1) * 0.9, palette.lighter(light, 0.4))
    cv.over(picture, cv.cover(horizon - y, size), water)
    return picture


def _skyline(rng: Rng, picture: Array, foot: float, tall: float, colour: Array, lamp: Array) -> None:
    """Paint one row of houses on `foot`, with windows lit at random where lamps is bright enough."""
    size = len(picture)
    many = 16
    edges = np.cumsum(rng.uniform(0.09, 0.26, many)) - 1.15
    heights = tall * rng.uniform(0.35, 1, many) ** 1.3
    fine = ((np.arange(size * 4) + 0.5) / (size * 2) - 1).astype(np.float32)
    house = np.searchsorted(edges, fine).clip(0, many - 1)
    middle = np.concatenate([[edges[0] - 0.1], (edges[1:] + edges[:-1]) / 2])[house]
    spire = (
        np.where((rng.uniform(0, 1, many) < 0.22)[house], np.clip(0.3 - np.abs(fine - middle) * 14, 0, 0.3), 0) * tall
    )
    roof = foot - heights[house] - spire
    y = cv.grid(size)[1]
    top = np.stack([roof[k::4] for k in range(4)]).astype(np.float32)  # (4, size)
    alpha = np.clip((y[None] - top[:, None, :]) * (size / 2) + 0.5, 0, 1).mean(0)
    which = house[2::4]
    down, across = y - (foot - heights[which])[None, :].astype(np.float32), fine[2::4]
    pitch = rng.uniform(0.035, 0.06)
    row, column = np.floor(down / pitch).astype(int), np.floor(across / (pitch * 0.75)).astype(int)
    a, b = np.abs(down / pitch - row - 0.5), np.abs(across / (pitch * 0.75) - column - 0.5)
    lit = rng.uniform(0, 1, (64, 64)) < rng.uniform(0.15, 0.6)
    pane = (
        cv.cover((a - 0.26) * pitch, size)
        * cv.cover((b - 0.26) * pitch, size)[None, :]
        * lit[row & 63, column[None, :] & 63]
    )
    tone = palette.tint((row * 7 + column[None, :] * 3) % 11 / 10, lamp)
    walls = (
        colour
        * (1 - 0.3 * np.clip(down, 0, 1))[..., None]
        * rng.uniform(0.75, 1.25, many)[which][None, :, None].astype(np.float32)
    )
    cv.over(walls, pane * (down > pitch), tone)
    cv.over(picture, alpha, walls)


def skyline(rng: Rng, size: int) -> Array:
    """A city at dusk: two or three rows of houses with lit windows, a moon, the glow of the streets."""
    _, y = cv.grid(size)
    scale = palette.sky(rng)
    picture = palette.tint((y + 1) / 2 + 0.05 * cv.noise(rng, size, 3, across=2), scale)
    light = palette.oklch(0.93, 0.07, 2 * np.pi * rng.uniform())
    _sun(rng, picture, light, rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.1), rng.uniform(0.06, 0.18))
    hue = 2 * np.pi * rng.uniform()
    near = palette.oklch(rng.uniform(0.12, 0.4), rng.uniform(0.02, 0.08), hue)
    warm = palette.oklch(np.linspace(0.75, 0.97, 8), 0.1, hue + np.pi + rng.normal(0, 0.6) + np.linspace(-0.3, 0.3, 8))
    rows = int(rng.integers(2, 4))
    tall, water = rng.uniform(1.0, 1.6), float(rng.choice([1.0, rng.uniform(0.45, 0.75)]))
    for k in range(rows):
        depth = (k + 1) / rows
        colour = scale[-1] * np.float32(0.75 * (1 - depth)) + near * np.float32(0.25 + 0.75 * depth)
        _skyline(rng, picture, water + 0.05, tall * (1.15 - 0.5 * depth), colour, warm)
    if water < 1:
        ripple = 0.012 * cv.noise(rng, size, 40, across=4)
        mirrored = np.clip((2 * water - y + ripple * 3 + 1) * (size / 2) - 0.5, 0, size - 1).astype(int)
        shift = np.clip(np.arange(size)[None, :] + (ripple * size * 0.5).astype(int), 0, size - 1)
        cv.over(
            picture, cv.cover(water - y, size), picture[mirrored, shift] * np.float32(0.72) + near * np.float32(0.15)
        )
    return picture


def _ball(rng: Rng, picture: Array, at: tuple[float, float], radius: float, sun: float) -> None:
    """Paint one planet: banded gas or cratered continents wrapped round a sphere, lit from `sun`, with an airy rim."""
    size = len(picture)
    window = cv.region(size, *at, radius * 1.5)
    dx, dy = (d / np.float32(radius) for d in cv.local(size, window, *at))
    r = np.sqrt(dx * dx + dy * dy)
    z = np.sqrt(np.clip(1 - r * r, 0, 1))
    tilt = rng.uniform(-0.7, 0.7)
    u, v = dx * float(np.cos(tilt)) + dy * float(np.sin(tilt)), dy * float(np.cos(tilt)) - dx * float(np.sin(tilt))
    longitude = np.arctan2(u, z + 1e-4) / np.pi * 0.9
    cloud = cv.fbm(rng, 128, 4, gain=0.58)
    rough = cv.sample(cloud, longitude, v * 0.9)
    if rng.uniform() < 0.55:
        scale, rate = palette.cycle(rng, 6), rng.uniform(0.5, 1.4)
        skin = palette.tint((v * rate + 0.28 * rough + 0.3) % 1, scale)
    else:
        scale = palette.harmony(rng, 9, low=0.25, high=0.9)
        land = cv.smoothstep(0.47, 0.53, rough)[..., None]
        skin = palette.tint(rough * 0.5, scale) * (1 - land) + palette.tint(0.4 + 0.6 * rough, scale) * land
    lx, ly, lz = float(np.cos(sun)) * 0.8, float(np.sin(sun)) * 0.8, 0.6
    light = np.clip(dx * lx + dy * ly + z * lz + 0.1, 0, 1) + 0.08
    air = palette.oklch(0.8, 0.12, 2 * np.pi * rng.uniform())
    side = np.clip(0.45 + dx * lx + dy * ly, 0, 1)
    cv.over(picture[window], np.exp(-np.clip(r - 1, 0, 1) * 9) * side * (r > 0.99) * 0.6, air)
    rim = (np.clip(1 - z, 0, 1) ** 3 * side * 0.55)[..., None]
    cv.over(picture[window], cv.cover((r - 1) * radius, size), skin * light[..., None] * (1 - rim) + air * rim)


def planet(rng: Rng, size: int) -> Array:
    """A planet with stars and nebulae behind it, often with rings, sometimes with moons."""
    ramp = palette.ramp(rng, low=rng.uniform(0.05, 0.35), high=rng.uniform(0.4, 0.95), turn=0.3)
    picture = palette.tint(cv.fbm(rng, size, 2, gain=0.5) ** 2, ramp)
    stars = rng.uniform(-1, 1, (int(rng.integers(40, 220)), 2))
    glint, _ = brush.dabs(size, stars, 0.011 * rng.uniform(0.1, 1, len(stars)) ** 3 + 0.002)
    cv.over(picture, glint * 0.9, np.ones(3, np.float32))
    sun, radius = rng.uniform(0, 6.3), rng.uniform(0.3, 0.75)
    at = tuple(rng.uniform(-0.3, 0.3, 2).tolist())
    ringed = rng.uniform() < 0.5
    if ringed:
        radius = min(radius, 0.48)
        lean = rng.uniform(-0.6, 0.6)
        c, s = float(np.cos(lean)), float(np.sin(lean))
        u, v = cv.turned(size, lean, 1.0, (-c * at[0] - s * at[1], s * at[0] - c * at[1]))
        flat = np.sqrt(u * u + (v / rng.uniform(0.18, 0.42)) ** 2) / np.float32(radius)
        band = cv.smoothstep(1.25, 1.32, flat) * cv.smoothstep(2.1, 1.95, flat)
        stripes = np.interp(flat.ravel(), np.linspace(1.2, 2.2, 40), rng.uniform(0.1, 1, 40)).reshape(flat.shape)
        front = band * stripes.astype(np.float32) * 0.9
        dust = palette.oklch(rng.uniform(0.7, 0.92), 0.05, 2 * np.pi * rng.uniform())
        cv.over(picture, front * (v < 0), dust)
    _ball(rng, picture, at, radius, sun)
    if ringed:
        cv.over(picture, front * (v >= 0), dust)
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        turn, far = rng.uniform(0, 6.3), radius * rng.uniform(1.25, 1.6) + 0.1
        _ball(
            rng,
            picture,
            (at[0] + far * float(np.cos(turn)), at[1] + far * float(np.sin(turn))),
            rng.uniform(0.05, 0.13),
            sun,
        )
    return picture


def fireworks(rng: Rng, size: int) -> Array:
    """Rockets bursting over a dusky sky: sparks on falling paths that thin out and fade, glow around them."""
    _, y = cv.grid(size)
    picture = palette.tint(
        (y + 1) / 2 + 0.05 * cv.noise(rng, size, 3), palette.lighter(palette.sky(rng), -rng.uniform(0.1, 0.75))
    )
    glow: Array = np.zeros((size, size, 3), np.float32)
    t = np.linspace(0, 1, 9)[:, None]
    for _ in range(int(rng.integers(1, 6))):
        place, many = rng.uniform(-0.7, 0.7, 2) * [1, 0.75] - [0, 0.15], int(rng.integers(26, 80))
        angle = np.arange(many) * 2.39996
        reach = rng.uniform(0.3, 0.75) * (
            rng.uniform(0.9, 1, many) if rng.uniform() < 0.4 else np.sqrt(rng.uniform(0.05, 1, many))
        )
        way = (1 - (1 - t) ** 2)[..., None] * (np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None])[None]
        path = place + way + np.stack([0 * t, rng.uniform(0.05, 0.25) * t**2], -1)  # (9, many, 2)
        head = rng.uniform(0.005, 0.011) * (0.35 + t**1.5 * 0.9) * np.ones(many)
        radius = np.stack([head[:-1].ravel(), head[1:].ravel()], 1)
        points, dab, which = brush.along(size, path[:-1].reshape(-1, 2), path[1:].reshape(-1, 2), radius)
        coverage, seen = brush.dabs(size, points, dab)
        hue = 2 * np.pi * (rng.uniform() + np.linspace(0, rng.uniform(-0.25, 0.25), 64))
        age = np.linspace(0, 1, 64)
        sparks = palette.oklch(0.62 + 0.2 * age, 0.19, hue) * (0.3 + age[:, None] ** 1.2).astype(np.float32)
        glow += cv.lit(palette.tint((which // many / 7).astype(np.float32)[seen], sparks), coverage)
    near, far = cv.blur(glow, 0.03), cv.blur(glow, 0.13)
    glow = np.exp(-1.05 * glow - 0.9 * near - 0.8 * far)
    lit: Array = 1 - (1 - picture) * glow
    return lit


def bokeh(rng: Rng, size: int) -> Array:
    """Lights out of focus: translucent discs or hexagons with bright rims, larger the farther, over a dim ground."""
    base = palette.harmony(rng, 5, low=rng.uniform(0.12, 0.5), high=rng.uniform(0.55, 0.9))
    u = cv.level(cv.turned(size, rng.uniform(0, 6.3))[0] + 0.4 * cv.noise(rng, size, 2))
    picture = palette.tint(u, palette.ramp(rng, low=rng.uniform(0.08, 0.5), high=rng.uniform(0.5, 0.95)))
    blades = int(rng.choice([0, 0, 5, 6, 8]))
    turn, band = rng.uniform(0, 6.3), rng.uniform(-0.6, 0.6)
    spread, largest = rng.uniform(0.25, 0.9), rng.uniform(0.16, 0.42)
    for _ in range(int(rng.integers(18, 46))):
        x, y = rng.uniform(-1.1, 1.1), band + rng.normal(0, spread)
        radius = largest * rng.uniform(0.3, 1) ** 1.2
        window = cv.region(size, x, y, radius * 1.1)
        dx, dy = cv.local(size, window, x, y)
        r = np.sqrt(dx * dx + dy * dy)
        if blades:
            corner = np.float32(2 * np.pi / blades)
            angle = np.arctan2(dy, dx) + np.float32(turn)
            r = r * np.cos(angle - corner * np.rint(angle / corner)) / np.float32(np.cos(corner / 2) ** 0.5)
        soft = rng.uniform(0.01, 0.05)
        inside = cv.cover(r - radius, size, soft)
        rim = 0.55 + 0.45 * np.exp(-(((r - radius * 0.93) / (0.1 * radius)) ** 2))
        cv.over(
            picture[window],
            inside * rim * rng.uniform(0.35, 0.9),
            palette.lighter(base[rng.integers(5)], rng.uniform(0.15, 0.7)),
        )
    return picture
