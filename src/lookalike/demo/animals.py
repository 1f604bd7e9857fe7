"""Creatures built of curves: butterflies, fishes."""

import numpy as np

from lookalike.demo import brush, palette
from lookalike.demo import canvas as cv
from lookalike.demo.palette import Array

Rng = np.random.Generator


def _meadow(rng: Rng, size: int) -> Array:
    """Something soft behind a creature: blurred patches of a few colours."""
    colours = palette.harmony(rng, 4, low=rng.uniform(0.2, 0.55), high=rng.uniform(0.55, 0.95))
    picture = cv.backdrop(rng, size, colours[rng.integers(4)], 0.4)
    for _ in range(10):
        x, y = rng.uniform(-1.1, 1.1, 2).tolist()
        radius = rng.uniform(0.1, 0.4)
        cv.disc(picture, x, y, radius, colours[rng.integers(4)], soft=radius * rng.uniform(0.4, 1.5), opacity=0.55)
    return picture


def _wing(rng: Rng, lead: float, reach: float, width: float) -> tuple[float, float, Array]:
    """A wing's direction, its reach, and its edge as a radius (65,) over angles −width..width about the direction."""
    t = np.linspace(-1, 1, 65)
    edge = np.clip(1 - np.abs(t) ** rng.uniform(2.2, 4), 0, 1) ** rng.uniform(0.45, 0.7)
    edge *= 1 + rng.uniform(-0.22, 0.3) * t + rng.uniform(0, 0.045) * np.cos(t * np.pi * int(rng.integers(4, 9)))
    return lead, reach, np.stack([lead + t * width, edge * reach])


def _paint_wing(
    picture: Array, flip: int, pose: Array, wing: tuple[float, float, Array], style: dict[str, Array]
) -> None:
    """Paint one wing (flip −1: its mirror image): bands by distance, veins by angle, a dark margin with dots."""
    size, (lead, _, edge) = len(picture), wing
    curve = np.stack([np.cos(edge[0]) * edge[1] * flip, -np.sin(edge[0]) * edge[1]], 1)
    outline = curve @ pose[:2].T + pose[2]
    window, alpha = cv.outline(size, outline)
    dx, dy = cv.local(size, window, *pose[2].tolist())
    back = np.linalg.inv(pose[:2]).astype(np.float32)
    x, y = (back[0, 0] * dx + back[0, 1] * dy) * flip, back[1, 0] * dx + back[1, 1] * dy
    angle = np.arctan2(-y, x)
    angle = np.where(angle < lead - np.pi, angle + 2 * np.pi, angle)
    reach = np.interp(angle.ravel(), edge[0], edge[1]).reshape(angle.shape).astype(np.float32)
    share = np.sqrt(x * x + y * y) / np.maximum(reach, 1e-3)
    veins, bands, margin, dots = style["numbers"].tolist()
    tone = palette.tint(np.clip(share + 0.08 * np.sin(angle * bands * 3), 0, 1), style["scale"])
    cell = (angle - lead) * veins
    vein = np.exp(-(((cell - np.rint(cell)) * np.clip(share, 0.1, 1) / 0.07) ** 2))
    cv.over(tone, vein * 0.5, style["dark"])
    cv.over(tone, cv.smoothstep(margin, margin + 0.08, share), style["dark"])
    dot = np.sqrt(((cell % 1 - 0.5) * 1.2) ** 2 + ((share - (margin + 1.02) / 2) * 5.5) ** 2) - dots
    cv.over(tone, cv.smoothstep(0.06, -0.06, dot), style["light"])
    eye = np.sqrt(((angle - lead - 0.1) * 0.9) ** 2 + (share - 0.6) ** 2) - style["eye"]
    cv.over(tone, cv.smoothstep(0.02, -0.02, eye), style["dark"])
    cv.over(tone, cv.smoothstep(0.02, -0.02, eye + 0.05), style["light"])
    cv.over(picture[window], alpha, cv.lit(tone, 0.85 + 0.25 * np.clip(share, 0, 1)))


def butterfly(rng: Rng, size: int) -> Array:
    """A butterfly, its four wings mirrored, with veins, margins, dots and eyes; at any turn, over blurred leaves."""
    picture = _meadow(rng, size)
    scale = palette.ramp(rng, low=0.35, high=0.95, turn=0.4)
    dark, light = palette.lighter(scale[0], -rng.uniform(0.3, 0.8)), palette.lighter(scale[-1], 0.4)
    grow, turn, tilt = rng.uniform(0.72, 0.95), rng.normal(0, 0.5), rng.uniform(0.75, 1)
    c, s = np.cos(turn), np.sin(turn)
    at = rng.uniform(-0.15, 0.15, 2)
    pose = np.array([[c * grow * tilt, -s * grow], [s * grow * tilt, c * grow], at])
    fore = _wing(rng, rng.uniform(0.55, 0.85), rng.uniform(0.95, 1.15), rng.uniform(0.5, 0.7))
    hind = _wing(rng, rng.uniform(-0.95, -0.6), rng.uniform(0.65, 0.9), rng.uniform(0.6, 0.85))
    numbers = np.array([rng.uniform(4, 8), rng.integers(0, 4), rng.uniform(0.76, 0.95), rng.uniform(0.0, 0.35)])
    style = {"scale": scale[:: int(rng.choice([-1, 1]))], "dark": dark, "light": light, "numbers": numbers}
    before = picture.copy()
    for wing, eye in ((hind, rng.choice([0.0, 0.12, 0.2])), (fore, rng.choice([-0.1, 0.1, 0.16]))):
        for flip in (-1, 1):
            _paint_wing(picture, flip, pose, wing, {**style, "eye": np.array(eye, np.float32)})
    painted = np.abs(picture - before).max(-1)
    cast = cv.blur(np.minimum(painted, 0.25), 0.05) * 1.2
    picture[:] = cv.lit(picture, 1 - cast * (painted < 0.004))
    t = np.linspace(0, 1, 12)
    body = np.stack([0 * t, -0.28 + 0.72 * t], 1) @ pose[:2].T + at
    points, radius, _ = brush.polyline(size, body, grow * 0.055 * (0.35 + np.sin(np.pi * t**0.7)))
    feelers = [np.stack([f * 0.28 * t**1.5, -0.26 - 0.38 * t], 1) @ pose[:2].T + at for f in (-1, 1)]
    lines = [brush.polyline(size, f, 0.008 + 0.012 * (t > 0.95)) for f in feelers]
    points, radius = (np.concatenate([part, *(line[k] for line in lines)]) for k, part in enumerate((points, radius)))
    cv.over(picture, brush.dabs(size, points, radius)[0], palette.lighter(dark, -0.3))
    return picture


def _fish(rng: Rng, picture: Array, at: Array, length: float, style: dict[str, float], colours: Array) -> None:
    """Paint one fish: fins, a body with stripes or spots and a pale belly, an eye."""
    size, flip, turn = len(picture), style["flip"], rng.normal(0, 0.15) + style["turn"]
    c, s = np.cos(turn) * length, np.sin(turn) * length
    pose = np.array([[c * flip, -s], [s * flip, c]])
    t = np.linspace(0, 1, 40)
    half = style["deep"] * np.sin(np.pi * t ** style["nose"]) ** 0.8 * (1 - 0.35 * t) + 0.05 * t
    body = np.concatenate([np.stack([1 - 1.7 * t, -half], 1), np.stack([1 - 1.7 * t, half * 0.9], 1)[::-1]])
    deep, fork = style["deep"], style["fork"]
    tail = np.array([[-0.6, 0], [-0.8, -0.15], [-1.15, -0.45 * fork], [-1.0, 0], [-1.15, 0.45 * fork], [-0.8, 0.15]])
    fin = np.array(
        [
            [0.45, -deep * 0.8],
            [0.15, -deep - style["fin"]],
            [-0.35, -deep * 0.8 - style["fin"] * 0.6],
            [-0.45, -deep * 0.3],
        ]
    )
    for shape in (tail, fin, fin * [0.7, -0.75]):
        smooth = _rounded(shape) @ pose.T + at
        cv.fill(picture, smooth, palette.lighter(colours[1], -0.12), 0.92)
    window, alpha = cv.outline(size, body @ pose.T + at)
    dx, dy = cv.local(size, window, *at.tolist())
    back = np.linalg.inv(pose).astype(np.float32)
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    if style["spots"]:
        mark = np.sin(x * style["rate"] * 1.6 + 2 * y) * np.sin(y * style["rate"] * 2.2 - x) - 0.15
    else:
        mark = np.sin(x * style["rate"] + style["sway"] * y * y * 6 + style["lengthwise"] * y * 22) - 0.2
    skin = palette.tint(cv.smoothstep(-0.15, 0.15, mark), palette.between(colours[0], colours[1]))
    cv.over(skin, cv.smoothstep(0.0, deep, y) * 0.75, palette.lighter(colours[0], 0.7))
    gill = np.exp(-(((np.sqrt((x - 0.95) ** 2 + y * y) - 0.5) / 0.03) ** 2)) * (np.abs(y) < deep * 0.6)
    light = 1.12 - 0.5 * np.clip(y / deep, -0.4, 1) ** 2 - 0.35 * gill
    cv.over(picture[window], alpha, cv.lit(skin, light))
    eye = np.array([0.68, -0.1 * deep / 0.4]) @ pose.T + at
    for radius, colour in (
        (0.085, np.array([0.97, 0.97, 0.93], np.float32)),
        (0.05, np.array([0.05, 0.05, 0.08], np.float32)),
    ):
        cv.disc(picture, float(eye[0]), float(eye[1]), radius * length, colour)
    cv.fill(
        picture,
        _rounded(np.array([[0.3, 0.02], [0.0, 0.16], [-0.05, 0.3], [0.22, 0.14]])) @ pose.T + at,
        colours[1],
        0.8,
    )


def _rounded(corners: Array) -> Array:
    """Round a polygon's corners by three turns of Chaikin's cutting (1974)."""
    for _ in range(3):
        ahead = np.roll(corners, -1, 0)
        corners = np.stack([0.8 * corners + 0.2 * ahead, 0.2 * corners + 0.8 * ahead], 1).reshape(-1, 2)
    return corners


def fish(rng: Rng, size: int) -> Array:
    """One fish or a shoal of one kind, in water crossed by shafts of light, weeds and bubbles."""
    x, y = cv.grid(size)
    scale = palette.sky(rng)[::-1]
    picture = palette.tint((y + 1) / 2 * 0.9 + 0.05 * cv.noise(rng, size, 3), scale)
    shaft = cv.noise(rng, size, 1, across=14)
    beam = cv.sample(shaft, x * 0.6 + 0.3 * (y + 1) * (x + rng.uniform(-1, 1)), y)
    cv.over(picture, np.clip(beam, 0, 1) * (0.32 * (1 - y) / 2), np.ones(3, np.float32))
    t = np.linspace(0, 1, 14)
    for _ in range(int(rng.integers(0, 7))):
        foot, high = rng.uniform(-1, 1), rng.uniform(0.3, 1.1)
        line = np.stack([foot + 0.08 * np.sin(5 * t + rng.uniform(0, 6)), 1.05 - high * t], 1)
        points, radius, _ = brush.polyline(size, line, 0.035 * (1.1 - t))
        cv.over(picture, brush.dabs(size, points, radius)[0] * 0.7, palette.lighter(scale[-1], -rng.uniform(0.2, 0.6)))
    style = {
        "flip": float(rng.choice([-1, 1])),
        "turn": rng.normal(0, 0.15),
        "deep": rng.uniform(0.22, 0.55),
        "nose": rng.uniform(0.6, 0.95),
        "fork": rng.uniform(0.6, 1.3),
        "fin": rng.uniform(0.08, 0.4),
        "spots": float(rng.uniform() < 0.35),
        "rate": rng.uniform(6, 16),
        "sway": rng.uniform(-1, 1),
        "lengthwise": float(rng.choice([0, 0, 1])),
    }
    colours = palette.harmony(rng, 2, low=rng.uniform(0.25, 0.6), high=0.85)[rng.permutation(2)]
    count = int(rng.choice([1, 1, 2, 4, 7]))
    length = {1: 0.72, 2: 0.5, 4: 0.36, 7: 0.27}[count] * rng.uniform(0.85, 1.15)
    spots = rng.permutation(9)[:count]
    for k in spots.tolist():
        slot = np.array([k % 3 - 1, k // 3 - 1]) * 0.6 if count > 1 else np.zeros(2)
        _fish(rng, picture, slot + rng.uniform(-0.12, 0.12, 2), length, style, colours)
    air, _ = brush.dabs(size, rng.uniform(-1, 1, (12, 2)), rng.uniform(0.01, 0.03, 12), soft=0.01)
    cv.over(picture, air * 0.35, np.ones(3, np.float32))
    return picture
