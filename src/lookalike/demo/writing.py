"""Drawn lines: pages of invented letters, handwriting, circuit boards."""

import numpy as np

from lookalike.demo import brush, palette
from lookalike.demo import canvas as cv
from lookalike.demo.palette import Array

Rng = np.random.Generator


def _paper(rng: Rng, size: int, ground: Array) -> Array:
    """A sheet with fibres and soft stains."""
    picture = cv.backdrop(rng, size, ground, 0.3)
    stain = cv.fbm(rng, size, 3, octaves=4)
    return cv.lit(picture, 1 - 0.12 * stain + 0.025 * cv.noise(rng, size, 70))


def _letter(rng: Rng) -> list[Array]:
    """Invent a letter: two to four strokes, straight or bowed, between the nine points of a grid in 0..1."""
    strokes, t = [], np.linspace(0, 1, 9)[:, None]
    place = rng.integers(0, 3, 2) / 2
    for _ in range(int(rng.integers(2, 5))):
        goal = rng.integers(0, 3, 2) / 2
        if (goal == place).all():
            goal = 1 - goal if (goal != 0.5).any() else np.array([0.5, 0.0])
        across = np.array([goal[1] - place[1], place[0] - goal[0]])
        bow = rng.choice([0, 0, 0.35, -0.35, 0.6])
        strokes.append(place + (goal - place) * t + across * bow * 4 * t * (1 - t))
        place = goal if rng.uniform() < 0.7 else rng.integers(0, 3, 2) / 2
    return strokes


def glyphs(rng: Rng, size: int) -> Array:
    """An inscription in an unknown script: a small alphabet of invented letters, set in lines by a broad pen."""
    alphabet = [_letter(rng) for _ in range(int(rng.integers(8, 18)))]
    rows = int(rng.integers(2, 7))
    high = 1.75 / rows
    wide, slant, tilt = high * rng.uniform(0.55, 0.95), rng.normal(0, 0.12), rng.normal(0, 0.07)
    body = np.array([wide * 0.62, high * 0.58])
    lines, tones = [], []
    for row in range(rows):
        for column in range(int(1.85 / wide)):
            if rng.uniform() < 0.1:
                continue
            corner = np.array([-0.92 + column * wide, -0.86 + row * high])
            for stroke in alphabet[rng.integers(len(alphabet))]:
                lines.append(
                    corner + stroke * body + np.stack([slant * (0.5 - stroke[:, 1]), 0 * stroke[:, 0]], 1) * high
                )
                tones.append(rng.uniform() < 0.06)
    path = np.stack(lines)  # (strokes, 9, 2)
    path = path @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    start, end = path[:, :-1].reshape(-1, 2), path[:, 1:].reshape(-1, 2)
    nib, thick = rng.uniform(0, 3.2), high * rng.uniform(0.03, 0.075)
    angle = np.arctan2(*(end - start).T[::-1])
    width = thick * (1 - rng.uniform(0, 0.65) * np.abs(np.cos(angle - nib)))
    points, radius, which = brush.along(size, start, end, np.stack([width, width], 1))
    ground, inks = palette.contrast(rng, 2)
    picture = _paper(rng, size, ground)
    coverage, seen = brush.dabs(size, points, radius)
    worn = np.clip(1.15 - 0.5 * cv.fbm(rng, size, 12, octaves=3) * rng.uniform(0, 1), 0, 1)
    colour = inks[np.repeat(np.array(tones).astype(int), 8)[which]]
    relief = np.roll(coverage, max(1, size // 120), (0, 1)) * rng.uniform(0, 0.5)
    cv.over(picture, relief, palette.lighter(ground, -0.6))
    cv.over(picture, coverage * worn, colour[seen])
    return picture


def handwriting(rng: Rng, size: int) -> Array:
    """A letter by hand: words of joined loops on lines, now and then a flourish, ink thicker in the downstrokes."""
    rows = int(rng.integers(3, 9))
    high = 1.7 / rows
    ground, inks = palette.contrast(rng, 2)
    picture = _paper(rng, size, ground)
    y = cv.grid(size)[1]
    if rng.uniform() < 0.4:
        rule = np.abs((y + 0.85) / high - np.rint((y + 0.85) / high)) * high
        cv.over(picture, cv.cover(rule - 0.003, size) * 0.35, inks[1])
    slant, speed, loop = rng.uniform(-0.2, 0.7), rng.uniform(0.8, 1.3), rng.uniform(0.6, 1.3)
    pen, tilt = high * rng.uniform(0.022, 0.05), rng.normal(0, 0.06)
    starts, ends, radii = [], [], []
    for row in range(rows):
        x = -0.88 + rng.uniform(0, 0.12)
        while x < 0.7:
            letters = min(int(rng.integers(2, 9)), max(int((0.92 - x) / (high * 0.34 * speed)), 1))
            word, width = _word(rng, letters, loop)
            place = word * [high * 0.34 * speed, high * 0.42] + [x, -0.85 + high * (row + 0.95)]
            place[:, 0] -= slant * (place[:, 1] + 0.85 - high * (row + 0.95))
            starts.append(place[:-1])
            ends.append(place[1:])
            radii.append(np.stack([width[:-1], width[1:]], 1) * pen)
            x += (letters + 1.3) * high * 0.34 * speed
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    points, radius, _ = brush.along(
        size, np.concatenate(starts) @ turn, np.concatenate(ends) @ turn, np.concatenate(radii)
    )
    coverage, _ = brush.dabs(size, points, radius)
    flow = np.clip(0.8 + 0.2 * cv.noise(rng, size, 14), 0.4, 1)
    cv.over(picture, coverage * flow, inks[0])
    return picture


def _word(rng: Rng, letters: int, loop: float) -> tuple[Array, Array]:
    """One word as a line (n, 2), one unit per letter, x-height 1 upwards (negative y), and its pen widths (n,)."""
    n = letters * 14 + 1
    t = np.linspace(0, letters, n)
    beat = np.interp(
        t, np.arange(letters + 1), rng.choice([0.7, 0.9, 1.0, 1.9, 2.2], letters + 1, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    )
    dip = np.interp(t, np.arange(letters + 1), rng.choice([0.0, 0.9], letters + 1, p=[0.88, 0.12]))
    phase = 2 * np.pi * t + 0.8 * np.sin(2 * np.pi * t * 0.37 + rng.uniform(0, 6.3))
    lift = 0.5 - 0.5 * np.cos(phase)
    x = t + 0.16 * loop * np.sin(phase) * (0.4 + beat) + 0.05 * np.sin(phase * 2)
    y = -lift * beat + (1 - lift) * dip
    return np.stack([x, y], 1), 0.75 + 0.5 * np.clip(np.sin(phase + 3.6), -0.6, 1)


def circuit(rng: Rng, size: int) -> Array:
    """A circuit board: traces in bundles with 45° bends, vias, chips with legs, on a solder mask of any colour."""
    pitch = 1 / int(rng.integers(9, 17))
    ground, inks = palette.contrast(rng, 2)
    picture = cv.backdrop(rng, size, ground, 0.45)
    lines, pads = _route(rng, int(rng.integers(8, 14)), pitch)
    start, end = (np.concatenate([line[part] for line in lines]) for part in (slice(None, -1), slice(1, None)))
    width = pitch * rng.uniform(0.16, 0.3)
    points, radius, _ = brush.along(size, start, end, np.full((len(start), 2), width))
    copper = cv.lit(inks[0], 1 + 0.18 * cv.noise(rng, size, 3))
    traces, _ = brush.dabs(size, points, radius)
    cv.over(picture, traces * 0.35, np.zeros(3, np.float32))
    cv.over(picture, brush.dabs(size, points, radius * 0.75)[0], copper)
    at = np.stack(pads)
    cv.over(picture, brush.dabs(size, at, pitch * 0.42)[0], palette.lighter(inks[0], 0.25))
    cv.over(picture, brush.dabs(size, at, pitch * 0.19)[0], palette.lighter(ground, -0.65))
    body = palette.lighter(ground, -0.75) if ground.mean() > 0.4 else palette.lighter(inks[1], -0.55)
    for corner in rng.permutation(4)[: rng.integers(1, 4)].tolist():
        place = np.array([corner % 2, corner // 2]) - 0.5 + rng.uniform(-0.15, 0.15, 2)
        _chip(rng, picture, pitch, np.rint(place / pitch) * pitch, (body, palette.lighter(inks[1], 0.35)))
    return picture


def _route(rng: Rng, bundles: int, pitch: float) -> tuple[list[Array], list[Array]]:
    """Lay bundles of parallel traces on a grid: lines of (n, 2), and their ends."""
    lines, pads = [], []
    for _ in range(bundles):
        place = np.rint(rng.uniform(-1.1, 1.1, 2) / pitch) * pitch
        heading = int(rng.integers(0, 4)) * 2
        path, side = [place], np.array([np.cos((heading + 2) * np.pi / 4), np.sin((heading + 2) * np.pi / 4)])
        for _ in range(int(rng.integers(2, 5))):
            step = np.array([np.cos(heading * np.pi / 4), np.sin(heading * np.pi / 4)])
            path.append(path[-1] + step * pitch * rng.integers(2, 9) * (1 if heading % 2 == 0 else 1.414))
            heading += int(rng.choice([-1, 1]))
        for k in range(int(rng.integers(1, 6))):
            line = np.array(path) + side * pitch * k
            lines.append(line)
            pads += [line[0], line[-1]]
    return lines, pads


def _chip(rng: Rng, picture: Array, pitch: float, at: Array, colours: tuple[Array, Array]) -> None:
    """Place one chip: two rows of legs, a dark case with a lit edge and a notch."""
    size, (x, y), (body, metal) = len(picture), at.tolist(), colours
    legs, wide = int(rng.integers(2, max(3, int(0.45 / pitch)))), rng.uniform(0.12, 0.3)
    tall = legs * pitch * 0.9
    upright = rng.uniform() < 0.5
    window = cv.region(size, x, y, max(wide, tall) + pitch * 1.5)
    a, b = cv.local(size, window, x, y)
    a, b = (a, b) if upright else (b, a)
    leg = np.maximum(
        np.abs(a) - wide - pitch * 0.6, np.abs(((b + tall) / (pitch * 1.8)) % 1 - 0.5) * pitch * 1.8 - pitch * 0.4
    )
    leg = np.maximum(leg, np.abs(b) - tall + pitch * 0.05)
    cv.over(picture[window], cv.cover(leg, size), metal)
    case = np.maximum(np.abs(a) - wide, np.abs(b) - tall)
    cv.over(picture[window], cv.cover(case - 0.02, size, 0.06) * 0.4, np.zeros(3, np.float32))
    light = 1 + 0.5 * np.exp(case * 40) * np.sign(-a - b) - 0.2 * (a + b)
    cv.over(picture[window], cv.cover(case, size), cv.lit(body, light))
    notch = np.sqrt(a * a + (b + tall) ** 2) - pitch * 0.4
    cv.over(picture[window], cv.cover(np.maximum(notch, case), size), palette.lighter(body, 0.3))
