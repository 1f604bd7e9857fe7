"""Growing things: weeds by rewriting, trees with leaves, flowers, toadstools."""

import numpy as np

from lookalike.demo import brush, palette
from lookalike.demo import canvas as cv
from lookalike.demo.palette import Array

Rng = np.random.Generator

GRAMMARS = (  # axiom, rules, rounds, angle in degrees (Prusinkiewicz and Lindenmayer 1990)
    ("F", {"F": "F[+F]F[-F]F"}, 4, 25.7),
    ("F", {"F": "F[+F]F[-F][F]"}, 4, 20.0),
    ("F", {"F": "FF-[-F+F+F]+[+F-F-F]"}, 3, 22.5),
    ("X", {"X": "F[+X]F[-X]+X", "F": "FF"}, 5, 20.0),
    ("X", {"X": "F[+X][-X]FX", "F": "FF"}, 5, 25.7),
    ("X", {"X": "F-[[X]+X]+F[+FX]-X", "F": "FF"}, 4, 22.5),
)


def _grow(rng: Rng, axiom: str, rules: dict[str, str], rounds: int, angle: float) -> Array:
    """Rewrite and walk the turtle: one row (x0, y0, x1, y1, nesting) per step, the first step from the origin up."""
    for _ in range(rounds):
        axiom = "".join(rules.get(letter, letter) for letter in axiom)
    shake = iter(rng.normal(0, 0.22, len(axiom)).tolist())
    bend = rng.normal(0, 0.01)
    x, y, heading, depth = 0.0, 0.0, np.pi / 2, 0
    rows: list[tuple[float, float, float, float, int]] = []
    stack: list[tuple[float, float, float]] = []
    for letter in axiom:
        if letter == "F":
            heading += bend
            nx, ny = x + float(np.cos(heading)), y + float(np.sin(heading))
            rows.append((x, y, nx, ny, depth))
            x, y = nx, ny
        elif letter in "+-":
            heading += (1 if letter == "+" else -1) * angle * (1 + next(shake))
        elif letter == "[":
            stack.append((x, y, heading))
            depth += 1
        elif letter == "]":
            x, y, heading = stack.pop()
            depth -= 1
    return np.array(rows)


def weed(rng: Rng, size: int) -> Array:
    """A plant of a Lindenmayer system: its grammar, angle, thickness, buds and light differ."""
    axiom, rules, rounds, degrees = GRAMMARS[rng.integers(len(GRAMMARS))]
    rows = _grow(rng, axiom, rules, rounds, np.radians(degrees) * rng.uniform(0.75, 1.3))
    places = rows[:, :4].reshape(-1, 2, 2)
    low, high = places.min((0, 1)), places.max((0, 1))
    scale = rng.uniform(1.6, 2.0) / max(high[1] - low[1], (high[0] - low[0]) * 0.9)
    middle = np.array([(low[0] + high[0]) / 2 + rng.normal(0, 0.1) / scale, low[1]])
    places = (places - middle) * [scale, -scale] + [0, 0.97]
    depth = rows[:, 4] / max(rows[:, 4].max(), 1)
    thick = rng.uniform(0.012, 0.026) * (1 - 0.68 * depth)
    points, radius, which = brush.along(size, places[:, 0], places[:, 1], np.stack([thick, thick], 1))
    ground, inks = palette.contrast(rng, 3)
    picture = cv.backdrop(rng, size, ground, 0.45)
    _, y = cv.grid(size)
    coverage, seen = brush.dabs(size, points, radius)
    cv.over(picture, cv.blur(coverage, 0.03) * 0.3, palette.lighter(ground, -0.8))
    cv.over(picture, coverage, palette.tint(depth[which][seen], palette.between(inks[0], inks[1])))
    if rng.uniform() < 0.65:
        tips = places[rows[:, 4] >= rows[:, 4].max() - int(rng.integers(0, 2)), 1]
        tips = tips[rng.uniform(0, 1, len(tips)) < min(1, 260 / len(tips))]
        buds, bud = brush.dabs(size, tips, rng.uniform(0.012, 0.028) * rng.uniform(0.6, 1.3, len(tips)))
        shade = rng.uniform(0.75, 1.2, (len(tips), 1)).astype(np.float32)
        cv.over(picture, buds, (inks[2] * shade)[bud])
    cv.over(picture, cv.cover(0.955 - y, size, 0.03) * 0.85, palette.lighter(inks[0], -0.35))
    return picture


def _branches(rng: Rng, levels: int) -> tuple[Array, Array, Array, Array]:
    """Fork level by level from the foot (0, 1): starts (n, 2), ends (n, 2), radii (n, 2), and the tips (m, 2)."""
    place, heading, length = np.array([[0.0, 1.0]]), np.array([np.pi / 2 + rng.normal(0, 0.06)]), np.array([0.55])
    thick, spread, shrink = np.array([rng.uniform(0.05, 0.09)]), rng.uniform(0.3, 0.6), rng.uniform(0.72, 0.8)
    starts, ends, radii, tips = [], [], [], []
    for step in range(levels):
        end = place + length[:, None] * np.stack([np.cos(heading), -np.sin(heading)], 1)
        starts.append(place)
        ends.append(end)
        radii.append(np.stack([thick, thick * 0.72], 1))
        if step >= levels - 3:
            tips.append(end)
        forks = 3 if step in (1, 2) else 2
        side = np.tile(np.linspace(-1, 1, forks), len(end))
        place, n = np.repeat(end, forks, 0), len(end) * forks
        heading = np.repeat(heading, forks) + side * spread * rng.uniform(0.6, 1.4, n) + rng.normal(0, 0.08, n)
        length = np.repeat(length, forks) * shrink * rng.uniform(0.7, 1.15, n)
        thick = np.repeat(thick, forks) * 0.68
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(radii), np.concatenate(tips)


def tree(rng: Rng, size: int) -> Array:
    """A tree on a hill: forking branches, a crown of leaves lit from one side, or bare in winter."""
    starts, ends, radii, tips = _branches(rng, 7)
    tall = rng.uniform(0.62, 0.85)
    slide, foot = rng.uniform(-0.25, 0.25), rng.uniform(0.7, 0.9)
    place = [slide, foot - tall]
    points, radius, _ = brush.along(size, starts * tall + place, ends * tall + place, radii * tall)
    picture = palette.tint((cv.grid(size)[1] + 1) / 2 + 0.05 * cv.noise(rng, size, 4), palette.sky(rng))
    hue = 2 * np.pi * rng.uniform()
    leaf, bark = (
        palette.oklch(rng.uniform(0.45, 0.75), rng.uniform(0.08, 0.17), hue),
        palette.oklch(0.3, 0.04, hue + rng.normal(0, 1)),
    )
    hill = foot - 0.02 + 0.06 * cv.fbm_line(rng, size, 2, octaves=3)[None, :] + 0.2 * (cv.grid(size)[0] - slide) ** 2
    grass = palette.lighter(palette.oklch(rng.uniform(0.35, 0.65), 0.09, hue + rng.normal(0, 0.6)), -0.1)
    slope = 1.1 - 0.35 * (cv.grid(size)[1] - hill) + 0.08 * cv.noise(rng, size, 40)
    cv.over(picture, cv.cover(hill - cv.grid(size)[1], size), cv.lit(grass, slope))
    cv.over(picture, brush.dabs(size, points, radius)[0], bark)
    many = int(rng.choice([0, 250, 900, 1600, 2200]))
    if many:
        near = rng.normal(0, 0.05, (many, 2)) + tips[rng.integers(0, len(tips), many)] * tall + place
        crown, seen = brush.dabs(size, near, rng.uniform(0.5, 1.2, many) * rng.uniform(0.018, 0.032))
        middle, light = near.mean(0), rng.choice([-1, 1])
        lit = ((near - middle) @ [light * 0.5, -0.8]) * 0.35 + rng.normal(0, 0.07, many)
        tint = palette.oklch(
            np.clip(0.6 + lit, 0.2, 0.95), rng.uniform(0.08, 0.16), hue + lit + rng.normal(0, 0.12, many)
        )
        cv.over(picture, crown, (0.5 * tint + 0.5 * leaf * (1 + 1.2 * lit[:, None])).astype(np.float32)[seen])
    return picture


def _petals(rng: Rng, picture: Array, at: tuple[float, float], radius: float, colours: Array) -> None:
    """Paint one flower: rings of petals, outer ones first, each petal shaded from base to tip, then the heart."""
    size = len(picture)
    count = int(rng.choice([5, 6, 8, 13, 18]))
    rings = int(rng.integers(1, 4 if count < 10 else 3))
    t = np.linspace(0, 1, 17)
    pointed, width = rng.uniform(0.6, 1.6), rng.uniform(1.5, 2.6) / count
    half = np.sin(np.pi * t**pointed) ** 0.8 * width
    shape = np.concatenate([np.stack([t, half], 1), np.stack([t, -half], 1)[::-1]])  # (34, 2) along x
    turn, fade = rng.uniform(0, 6.3), palette.between(colours[0], colours[1])
    for ring in range(rings):
        reach = radius * (1 - 0.26 * ring)
        for k in rng.permutation(count):
            angle = turn + 2 * np.pi * (k + 0.5 * ring) / count + rng.normal(0, 0.04)
            c, s = float(np.cos(angle)), float(np.sin(angle))
            petal = shape @ np.array([[c, s], [-s, c]]) * (reach * rng.uniform(0.93, 1.05)) + at
            window, alpha = cv.outline(size, petal)
            dx, dy = cv.local(size, window, *at)
            along, side = (c * dx + s * dy) / np.float32(reach), (c * dy - s * dx) / np.float32(reach * width)
            petal_colour = palette.tint(along, fade)
            crease = 1 - 0.28 * np.exp(-((side / 0.13) ** 2)) - 0.22 * np.abs(side) + 0.12 * side
            cv.over(picture[window], alpha, cv.lit(petal_colour, crease))
    heart = radius * rng.uniform(0.16, 0.34)
    cv.disc(picture, at[0], at[1], heart, palette.lighter(colours[2], -0.35), soft=heart * 0.4)
    k = np.arange(70)
    r, a = heart * np.sqrt(k / 70), k * 2.39996
    seeds, seen = brush.dabs(size, np.stack([at[0] + r * np.cos(a), at[1] + r * np.sin(a)], 1), heart * 0.1)
    cv.over(picture, seeds, cv.lit(palette.lighter(colours[2], 0.25), 0.7 + 0.4 * (k / 70)[seen]))


def flower(rng: Rng, size: int) -> Array:
    """One large flower or several, over a blurred garden."""
    ground = palette.harmony(rng, 4, low=rng.uniform(0.2, 0.5), high=rng.uniform(0.5, 0.9))
    picture = cv.backdrop(rng, size, ground[1], 0.5)
    for _ in range(9):
        x, y = rng.uniform(-1.1, 1.1, 2).tolist()
        r = rng.uniform(0.15, 0.5)
        cv.disc(picture, x, y, r, ground[rng.integers(4)], soft=r, opacity=0.5)
    count = int(rng.choice([1, 1, 2, 3, 4]))
    for k in range(count):
        hue = 2 * np.pi * rng.uniform()
        base = palette.oklch(rng.uniform(0.4, 0.75), rng.uniform(0.08, 0.2), hue)
        tip = palette.oklch(rng.uniform(0.65, 0.97), rng.uniform(0.03, 0.19), hue + rng.normal(0, 0.5))
        heart = palette.oklch(rng.uniform(0.4, 0.85), 0.14, hue + rng.uniform(1.5, 4.5))
        radius = rng.uniform(0.65, 0.95) if count == 1 else rng.uniform(0.3, 0.55)
        x, y = (rng.uniform(-0.15, 0.15, 2) if count == 1 else rng.uniform(-0.75, 0.75, 2)).tolist()
        if k < count - 2:
            radius *= 0.8
        _petals(rng, picture, (x, y), radius, np.stack([base, tip, heart]))
    return picture


def _cap(x: float, y: float, width: float, height: float, droop: float) -> Array:
    """The outline of a cap (n, 2): a dome above, a flatter curve below."""
    t = np.linspace(0, np.pi, 40)
    top = np.stack([-np.cos(t) * width, -(np.sin(t) ** 0.75) * height], 1)
    below = np.stack([np.cos(t) * width, np.sin(t) * droop], 1)
    cap: Array = np.concatenate([top, below]) + np.array([x, y])
    return cap


def toadstool(rng: Rng, size: int) -> Array:
    """Toadstools on the forest floor: domed caps with or without dots, gills below, crooked stems."""
    scene = palette.harmony(rng, 4, low=rng.uniform(0.15, 0.5), high=rng.uniform(0.55, 0.92))
    picture = cv.backdrop(rng, size, scene[rng.integers(1, 4)], 0.6)
    for _ in range(10):
        x, y = rng.uniform(-1.1, 1.1, 2).tolist()
        cv.disc(picture, x, y, 0.14, palette.lighter(scene[3], 0.3), soft=0.12, opacity=rng.uniform(0.1, 0.4))
    floor = 0.75 + 0.06 * cv.fbm_line(rng, size, 3, octaves=4)[None, :]
    y = cv.grid(size)[1]
    soil = cv.lit(scene[0], 0.9 + 0.15 * cv.noise(rng, size, 30) + 0.5 * (y - floor))
    count = int(rng.choice([1, 2, 3, 4]))
    cap_colour = palette.oklch(rng.uniform(0.4, 0.75), rng.uniform(0.08, 0.2), 2 * np.pi * rng.uniform())
    dotted, tall = rng.uniform() < 0.65, rng.uniform(0.7, 1.3)
    spots = (rng.permutation(count) + 0.5) * (1.9 / count) - 0.95
    sizes = np.sort(rng.uniform(0.55, 1, count)) * (0.75, 0.52, 0.42, 0.34)[count - 1]
    for scale, x in zip(sizes.tolist(), spots.tolist(), strict=True):
        _toadstool(rng, picture, (x + rng.uniform(-0.12, 0.12), scale), tall, cap_colour, dotted)
    cv.over(picture, cv.cover(floor - y, size, 0.03), soil)
    return picture


def _toadstool(rng: Rng, picture: Array, place: tuple[float, float], tall: float, colour: Array, dotted: bool) -> None:
    """Paint one toadstool standing on the floor; place is its x and about half its width."""
    size, (x, scale) = len(picture), place
    top = 0.72 - scale * tall * rng.uniform(0.9, 1.6)
    lean, thick = rng.normal(0, 0.12), scale * rng.uniform(0.14, 0.24)
    t = np.linspace(0, 1, 12)
    stem = np.stack([x + lean * (1 - t) * t * 2, top + (0.85 - top) * t], 1)
    points, radius, _ = brush.polyline(size, stem, thick * (0.8 + 0.5 * t**2))
    pale = palette.lighter(colour, 0.78)
    coverage, seen = brush.dabs(size, points, radius)
    across = (cv.grid(size)[0] - points[seen, 0]) / radius[seen]
    cv.over(picture, coverage, cv.lit(pale, 0.85 - 0.28 * across))
    width, height, droop = (
        scale * rng.uniform(0.85, 1.05),
        scale * rng.uniform(0.55, 0.95),
        scale * rng.uniform(0.08, 0.22),
    )
    cv.fill(picture, _cap(x, top, width * 0.97, height * 0.2, droop * 1.5), palette.lighter(pale, -0.3))
    window, alpha = cv.outline(size, _cap(x, top, width, height, -droop))
    dx, dy = (d / np.float32(width) for d in cv.local(size, window, x, top - height * 0.5))
    light = 1.05 - 0.4 * dx - 0.35 * dy - 0.25 * (dx * dx + dy * dy)
    cap = cv.lit(colour, light)
    if dotted:
        spot = rng.uniform(-1, 1, (26, 2)) * [width, height * 0.5] + [x, top - height * 0.5]
        cover, _ = brush.dabs(size, spot, rng.uniform(0.03, 0.1, 26) * scale)
        cv.over(cap, cover[window] * 0.95, cv.lit(pale, 1.05 - 0.3 * dx))
    cv.over(picture[window], alpha, cap)
