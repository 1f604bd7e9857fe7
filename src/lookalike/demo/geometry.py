"""Ruled things: bricks, Truchet tiles, star rosettes, seed heads, mazes, tartans."""

import numpy as np

from lookalike.demo import brush, palette
from lookalike.demo import canvas as cv
from lookalike.demo.palette import Array

Rng = np.random.Generator


def bricks(rng: Rng, size: int) -> Array:
    """A wall in some bond: every brick its own tone, mortar between, light on one edge and shade on the other."""
    rows, ratio = rng.uniform(4, 11), float(rng.choice([1.0, 2.0, 2.4, 3.2]))
    u, v = cv.turned(size, float(rng.choice([0, 0, 0, np.pi / 4])) + rng.normal(0, 0.06), rows / 2, (40.0, 40.0))
    wobble = 0.05 * cv.noise(rng, size, 9)
    u, v = u + wobble, v + wobble * rng.uniform(-1, 1)
    row = np.floor(v)
    across = u / ratio + row * float(rng.choice([0.5, 0.5, 1 / 3, 0.25]))
    column = np.floor(across)
    x, y = (across - column) * ratio, v - row
    joint = rng.uniform(0.04, 0.09)
    inset = np.minimum(np.minimum(x, ratio - x), np.minimum(y, 1 - y)) - joint
    cell = (row.astype(np.int64) * 57 + column.astype(np.int64) * 131) % 1024
    colours = palette.harmony(rng, int(rng.integers(2, 5)), low=rng.uniform(0.25, 0.55), high=rng.uniform(0.6, 0.85))
    brick = colours[rng.integers(0, len(colours), 1024)] * rng.uniform(0.8, 1.2, (1024, 1)).astype(np.float32)
    rough = cv.fbm(rng, size, 24, octaves=3, gain=0.8)
    face = cv.lit(np.take(brick, cell, axis=0), 0.72 + 0.55 * rough)
    bevel = (x < joint * 2.2) | (y < joint * 2.2)
    edge = cv.smoothstep(joint * 1.6, 0, inset) * np.where(bevel, 0.22, -0.28)
    mortar = cv.lit(palette.lighter(colours[-1], rng.choice([-0.6, 0.55])), 0.8 + 0.3 * rough)
    cv.over(mortar, cv.cover(-inset * 2 / rows, size), cv.lit(face, 1 + edge))
    return cv.lit(mortar, 1 + 0.25 * cv.noise(rng, size, 2).clip(-1, 1))


def truchet(rng: Rng, size: int) -> Array:
    """Quarter-circle tiles turned by chance, whose arcs join to winding ribbons (Truchet 1704, Smith 1987)."""
    scale = rng.uniform(2, 6.5)
    u, v = cv.turned(size, rng.choice([0, np.pi / 4, rng.uniform(0, 3)]), scale, (32.0, 32.0))
    column, row = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    x, y = u - column, v - row
    flips = rng.uniform(0, 1, (64, 64)) < rng.choice([0.5, 0.5, 0.25, 0.8])
    x = np.where(flips[row & 63, column & 63], 1 - x, x)
    near = np.minimum(x * x + y * y, (1 - x) ** 2 + (1 - y) ** 2)
    distance = np.abs(np.sqrt(near) - 0.5) / scale
    ground, inks = palette.contrast(rng, 3)
    picture = cv.backdrop(rng, size, ground, 0.4)
    width = rng.uniform(0.08, 0.26) / scale
    cv.over(picture, cv.cover(distance - width * 1.2, size, 0.14 / scale) * 0.35, np.zeros(3, np.float32))
    bands = [(1.0, inks[0]), (rng.uniform(0.5, 0.8), inks[1]), (rng.uniform(0.12, 0.35), inks[2])]
    for share, colour in bands[: int(rng.integers(1, 4))]:
        cv.over(picture, cv.cover(distance - width * share, size), colour)
    gloss = np.exp(-(((distance - width * 0.35) / (width * 0.3)) ** 2)) * rng.uniform(0, 0.3)
    cv.over(picture, gloss, np.ones(3, np.float32))
    return picture


def _fold_square(u: Array, v: Array) -> tuple[Array, Array]:
    """Fold the plane into one wedge of the square tiling: 0 ≤ y ≤ x ≤ ½."""
    x, y = np.abs(u - np.rint(u)), np.abs(v - np.rint(v))
    return np.maximum(x, y), np.minimum(x, y)


def _fold_hexagon(u: Array, v: Array) -> tuple[Array, Array]:
    """Fold the plane into one wedge of the hexagon tiling: 0 ≤ x ≤ ½, 0 ≤ y ≤ x·tan 30°."""
    tall = np.float32(np.sqrt(3))
    x1, y1 = u - np.rint(u), v - np.rint(v / tall) * tall
    x2, y2 = u - np.floor(u) - 0.5, v - (np.floor(v / tall) + 0.5) * tall
    nearer = x1 * x1 + y1 * y1 < x2 * x2 + y2 * y2
    x, y = np.abs(np.where(nearer, x1, x2)), np.abs(np.where(nearer, y1, y2))
    x, y = (
        np.where(y > x * tall, 0.5 * x + 0.5 * tall * y, x),
        np.where(y > x * tall, np.abs(0.5 * tall * x - 0.5 * y), y),
    )
    over = y > x / tall
    return np.where(over, 0.5 * x + 0.5 * tall * y, x), np.where(over, np.abs(0.5 * tall * x - 0.5 * y), y)


def rosette(rng: Rng, size: int) -> Array:
    """Interlaced star patterns of Islamic art by lines through a symmetric wedge (Hankin 1925, Kaplan 2000)."""
    scale = rng.uniform(0.9, 2.3)
    u, v = cv.turned(size, rng.uniform(0, 3.2), scale, tuple(rng.uniform(-0.5, 0.5, 2).tolist()))
    square = rng.uniform() < 0.5
    x, y = _fold_square(u, v) if square else _fold_hexagon(u, v)
    tip = 0.5 if square else float(np.tan(np.pi / 6)) / 2
    lines = []
    first = rng.uniform(0.9, 1.3)
    for k in range(int(rng.integers(2, 5))):
        lean = first + k * rng.uniform(0.35, 0.6)
        c, s = float(np.sin(lean)), float(np.cos(lean))
        slide = rng.uniform(0.35, 1) if k else 1
        lines.append((x - 0.5 * slide) * c + (y - tip * (0 if k == 0 else rng.uniform(0, 1))) * s)
    centre = np.sqrt(x * x + y * y) - rng.uniform(0.08, 0.2)
    distances = [*lines, centre] if rng.uniform() < 0.6 else lines
    ground, inks = palette.contrast(rng, 1)
    tiles = palette.harmony(rng, 2 ** len(distances), low=0.3, high=0.9)[rng.permutation(2 ** len(distances))]
    side = np.sum([(d > 0) << k for k, d in enumerate(distances)], 0)
    nearest = np.min([np.abs(d) for d in distances], 0) / scale
    picture = cv.lit(np.take(tiles, side, axis=0), 0.92 + 0.08 * cv.noise(rng, size, 5))
    width = rng.uniform(0.014, 0.035) / scale**0.5
    cv.over(picture, np.exp(-nearest / (width * 2)) * 0.45, np.zeros(3, np.float32))
    cv.over(picture, cv.cover(nearest - width, size), ground)
    cv.over(picture, cv.cover(nearest - width * rng.uniform(0.15, 0.6), size), inks[0])
    return picture


def phyllotaxis(rng: Rng, size: int) -> Array:
    """A seed head: discs at the golden angle on Vogel's spiral (1979), growing or shrinking outwards."""
    count = int(rng.integers(120, 420))
    k = np.arange(count) + 0.5
    golden = np.pi * (3 - np.sqrt(5)) + (rng.normal(0, 0.0015) if rng.uniform() < 0.5 else 0)
    reach = rng.uniform(0.8, 1.25)
    radius = reach * (k / count) ** rng.uniform(0.48, 0.62)
    x, y = rng.uniform(-0.25, 0.25, 2).tolist()
    angle = k * golden + rng.uniform(0, 6.3)
    points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
    grow = rng.uniform(0.2, 1.3)
    dab = reach / np.sqrt(count) * rng.uniform(0.7, 1.15) * (grow + (1 - grow) * k / count)
    coverage, seen = brush.dabs(size, points, dab)
    ground, _ = palette.contrast(rng)
    ramp = palette.ramp(rng, low=0.25, high=0.95, turn=0.7)
    tone = (k / count) if rng.uniform() < 0.6 else (k % int(rng.choice([3, 5, 8, 13, 21]))) / 21 * 2 % 1
    colours = palette.tint(tone, ramp[:: int(rng.choice([-1, 1]))])
    gx, gy = cv.grid(size)
    dx, dy = (gx - points[seen, 0]) / dab[seen], (gy - points[seen, 1]) / dab[seen]
    side = rng.uniform(0, 6.3)
    depth = rng.choice([0, 0.3, 0.3])
    ball = 1 - depth * (dx * dx + dy * dy - dx * np.cos(side) - dy * np.sin(side))
    picture = cv.backdrop(rng, size, ground, 0.5)
    shade = cv.blur(coverage, 0.03)
    picture = cv.lit(picture, 1 - 0.35 * shade)
    cv.over(picture, coverage, cv.lit(np.take(colours, seen, axis=0), ball))
    return picture


def _carve(rng: Rng, n: int) -> tuple[Array, Array, Array]:
    """Carve a perfect maze of n × n cells depth first: passages from cell to cell (m,), (m,), and depth of each."""
    depth = np.full(n * n, -1)
    stack, start, end = [int(rng.integers(n * n))], [], []
    depth[stack[0]] = 0
    chance = iter(rng.uniform(0, 1, 4 * n * n).tolist())
    while stack:
        cell = stack[-1]
        row, column = divmod(cell, n)
        sides = ((row > 0, -n), (row < n - 1, n), (column > 0, -1), (column < n - 1, 1))
        free = [cell + step for there, step in sides if there and depth[cell + step] < 0]
        if not free:
            stack.pop()
            continue
        chosen = free[int(next(chance) * len(free))]
        depth[chosen] = depth[cell] + 1
        start.append(cell)
        end.append(chosen)
        stack.append(chosen)
    return np.array(start), np.array(end), depth


def maze(rng: Rng, size: int) -> Array:
    """A perfect maze, its passages coloured by the way from where it was begun, square or wound around a centre."""
    n = int(rng.integers(7, 17))
    start, end, depth = _carve(rng, n)
    steps = np.linspace(0, 1, 5)[:, None]
    row, column = (start // n + (end // n - start // n) * steps), (start % n + (end % n - start % n) * steps)
    tone = (depth[start] + (depth[end] - depth[start]) * steps) / depth.max()
    a, b = (column + 0.5) / n, (row + 0.5) / n
    thick = rng.uniform(0.35, 0.75) / n
    if rng.uniform() < 0.35:
        angle, radius = a * 2 * np.pi, 0.15 + 0.8 * b
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        thick *= 0.42
    else:
        span, angle = rng.uniform(0.9, 1.15), rng.choice([0.0, 0.0, rng.uniform(0, 1.6)])
        a, b = (2 * a - 1) * span, (2 * b - 1) * span
        x, y = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    line = np.stack([x, y], -1)  # (5, passages, 2)
    radius = np.full((4 * len(start), 2), thick)
    points, r, which = brush.along(size, line[:-1].reshape(-1, 2), line[1:].reshape(-1, 2), radius)
    ground, _ = palette.contrast(rng)
    picture = cv.backdrop(rng, size, ground, 0.35)
    coverage, seen = brush.dabs(size, points, r)
    picture = cv.lit(picture, 1 - rng.uniform(0, 0.4) * cv.blur(coverage, 0.02))
    scale = (
        palette.ramp(rng, low=0.45, high=0.95, turn=0.8)
        if ground.mean() < 0.5
        else palette.ramp(rng, low=0.2, high=0.7, turn=0.8)
    )
    cv.over(picture, coverage, palette.tint(tone[:-1].reshape(-1)[which][seen], scale))
    return picture


def _sett(rng: Rng, colours: Array) -> tuple[Array, Array]:
    """A tartan's sett: where each stripe ends (k,), in 0..1, and its colour (k, 3), mirrored about the middle."""
    stripes = int(rng.integers(4, 9))
    widths = rng.choice([0.06, 0.12, 0.3, 0.8, 1.0], stripes)
    order = rng.integers(0, len(colours), stripes)
    order[np.flatnonzero(np.diff(order) == 0)] = rng.integers(len(colours))
    widths, order = np.concatenate([widths, widths[::-1]]), np.concatenate([order, order[::-1]])
    return np.cumsum(widths) / widths.sum(), colours[order]


def tartan(rng: Rng, size: int) -> Array:
    """Woven cloth: one sett of stripes for warp and weft, crossing in a twill, with folds of light."""
    colours = palette.harmony(rng, int(rng.integers(3, 6)), low=rng.uniform(0.15, 0.4), high=rng.uniform(0.65, 0.95))
    ends, stripes = _sett(rng, colours)
    repeat = rng.uniform(0.8, 2.2)
    u, v = cv.turned(size, float(rng.choice([0, np.pi / 4])) + rng.normal(0, 0.08), repeat / 2, (10.3, 10.6))
    fold = 0.012 * cv.noise(rng, size, 3)
    fine = 1024
    table = stripes[np.searchsorted(ends, (np.arange(fine) + 0.5) / fine).clip(0, len(ends) - 1)]
    soft = max(1, int(fine * repeat / size))
    table = np.stack([np.convolve(np.tile(c, 3), np.ones(soft) / soft, "same")[fine : 2 * fine] for c in table.T], 1)
    warp = np.take(table, ((u + fold) % 1 * fine).astype(np.int32), axis=0)
    weft = np.take(table, ((v + fold) % 1 * fine).astype(np.int32), axis=0)
    threads = rng.uniform(22, 40) * np.pi / repeat * 2
    twill = np.sin((u + v) * threads)
    sharp = min(1.0, size / 220)
    over = 0.5 + 0.5 * sharp * np.clip(twill * 1.6, -1, 1)
    cv.over(warp, over, weft)
    light = 1 + 0.07 * sharp * np.cos((u - v) * threads * 1.0) + 0.13 * cv.noise(rng, size, 2)
    return cv.lit(warp, np.clip(light, 0.5, 1.4))
