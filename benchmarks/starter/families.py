"""Families of drawing programs. Each gives pictures (b, 3, s, s) in 0..1 of the programs that the dice stand for."""

import math

import torch
from dice import Dice
from fields import bumps, cloudy, colours, column, filtered, ink, inside, level, lit, outline, over, places, ramp
from torch import Tensor

LEAVES, CELLS, STROKES, POINTS, ROUNDS, FORKS = 50, 24, 7, 1500, 24, 5


def clouds(dice: Dice, size: int) -> Tensor:
    """Noise with the spectrum of photos, and rare large values as their wavelets have."""
    field = cloudy(dice, size)
    sharp = column(dice.program(low=0.6, high=2.0))
    return ramp(dice, level(field.sign() * field.abs() ** sharp))


def leaves(dice: Dice, size: int) -> Tensor:
    """Dead leaves: shapes that hide one another, many small and few large (Lee, Mumford & Huang, 2001)."""
    picture = ink(dice).expand(-1, -1, size, size)
    smallest, squeeze, kind = dice.program(low=0.05, high=0.15), dice.program(low=0.5, high=1.0), dice.kind(3)
    x, y = places(dice, size, turn=0.0, zoom=1.0)
    tints, spots = dice.program(LEAVES, 3), dice.chance(LEAVES, 4)
    for leaf in range(LEAVES):
        along, down, turn, share = spots[:, leaf].unbind(1)
        radius = column((smallest / (1 - share * (1 - smallest)).sqrt()).clamp(max=0.9))  # falls as r to the -3
        u, v = x - column(2.6 * along - 1.3), y - column(2.6 * down - 1.3)
        angle = column(turn * 2 * math.pi)
        u, v = (angle.cos() * u + angle.sin() * v) / column(squeeze), angle.cos() * v - angle.sin() * u
        disc, box = (u * u + v * v + 1e-6).sqrt(), torch.maximum(u.abs(), v.abs())
        distance = torch.where(column(kind == 0), disc, torch.where(column(kind == 1), box, (disc + box) / 2)) - radius
        hue, vivid, light = tints[:, leaf].unbind(1)
        shaded = column(light) * (1 - 0.35 * (v / radius).clamp(-1, 1))
        picture = over(picture, inside(distance), colours(column(hue), column(0.9 * vivid**3), shaded))
    return picture


def fractals(dice: Dice, size: int) -> Tensor:
    """Attractors of four affine maps, by the chaos game (Barnsley, 1988; Anderson & Farrell, 2022)."""
    turns, shrink = dice.program(2, 4, high=2 * math.pi), dice.program(2, 4, low=0.25, high=0.8)
    shift = dice.program(4, 2, low=-1, high=1)
    (a, b), (s, t) = turns.unbind(1), shrink.unbind(1)
    maps = torch.stack([s * a.cos(), -t * b.sin(), s * a.sin(), t * b.cos()], 2).view(-1, 4, 2, 2)
    points, rows = dice.chance(POINTS, 2), torch.arange(len(dice.rows), device=dice.rows.device)[:, None]
    counts = torch.zeros(len(rows), size * size, device=rows.device)
    chosen = (dice.chance(ROUNDS, POINTS) * 4).long()
    for game in range(ROUNDS):
        which = chosen[:, game]
        points = (maps[rows, which] * points[..., None, :]).sum(-1) + shift[rows, which]
        if game > 5:
            at = ((points / 2.6 + 0.5) * size).long().clamp(0, size - 1)
            counts.scatter_add_(1, at[..., 1] * size + at[..., 0], torch.ones_like(points[..., 0]))
    dense = level(torch.log1p(counts.view(-1, size, size)))
    return over(ramp(dice, level(cloudy(dice, size))), (3 * dense).clamp(max=1), ramp(dice, dense))


def shaders(dice: Dice, size: int) -> Tensor:
    """Formulas of the place, composed from waves, distances and remainders (after Baradad et al., 2022)."""
    x, y = places(dice, size, zoom=3.0)
    for _ in range(4):
        kind, (a, b, c) = dice.kind(6), (column(n) for n in dice.program(3, low=-3, high=3).unbind(1))
        steps = [
            ((a * x + c).sin(), (b * y + a).cos()),
            (x + (a * y).sin() * 0.5, y + (b * x).cos() * 0.5),
            ((x * x + y * y + 1e-4).sqrt() * a, torch.atan2(y, x + 1e-4) * b / 2),
            ((x * a).remainder(2) - 1, (y * b).remainder(2) - 1),
            (x.abs() - a.abs() / 3, y.abs() - b.abs() / 3),
            (x * x - y * y + a / 2, 2 * x * y + b / 2),
        ]
        choice = column(kind)
        for number, (across, down) in enumerate(steps):
            x, y = torch.where(choice == number, across, x), torch.where(choice == number, down, y)
        x, y = x.clamp(-4, 4), y.clamp(-4, 4)
    return over(ramp(dice, level(x)), level(y) * column(dice.program()), ramp(dice, level(x * y)))


def coats(dice: Dice, size: int) -> Tensor:
    """Spots, stripes and labyrinths: what reaction and diffusion leave (Turing, 1952), from one band of frequencies."""
    peak, width = column(dice.program(low=3, high=14)), column(dice.program(low=0.15, high=0.4))
    angle, squeeze = column(dice.program(high=math.pi)), column(dice.program(low=0.45, high=1.0))

    def band(fx: Tensor, fy: Tensor) -> Tensor:
        along, beside = fx * angle.cos() + fy * angle.sin(), fy * angle.cos() - fx * angle.sin()
        away = (along.square() + (beside * squeeze).square()).sqrt()
        return torch.exp(-(((away - peak) / (width * peak)) ** 2))

    field = filtered(dice, size, band)
    cover = ((field - column(dice.program(low=-0.5, high=1.0))) * 4 + 0.5).clamp(0, 1)
    return over(ramp(dice, level(cloudy(dice, size))), cover, ink(dice))


def mosaics(dice: Dice, size: int) -> Tensor:
    """Cells around points (Voronoi), each of one colour, with or without joints."""
    x, y = places(dice, size, turn=math.pi, zoom=2.0)
    seeds = dice.chance(CELLS, 2, low=-1.7, high=1.7)
    stretch = column(dice.program(low=0.6, high=1.6))
    across, down = x[:, None] - seeds[:, :, 0, None, None], (y * stretch)[:, None] - seeds[:, :, 1, None, None]
    away = (across.square() + down.square()).sqrt()
    near, which = away.topk(2, dim=1, largest=False)
    tone = dice.program(CELLS).gather(1, which[:, 0].flatten(1)).view_as(x)
    joint = (near[:, 1] - near[:, 0]) / column(dice.program(low=0.02, high=0.3))
    picture = ramp(dice, (tone + 0.3 * near[:, 0]).clamp(0, 1))
    return over(picture, 1 - joint.clamp(0, 1), ink(dice))


def hills(dice: Dice, size: int) -> Tensor:
    """A relief in slanting light: clay, bark, crumpled cloth."""
    rough = cloudy(dice, size, low=1.3, high=2.2)
    folds = (bumps(dice, size, 5) * column(dice.program(low=1, high=6))).sin()
    height = rough + folds * column(dice.program(high=0.7))
    strength = dice.program(low=0.2, high=0.9)
    return lit(ramp(dice, level(cloudy(dice, size))), 0.25 * height, dice.program(high=2 * math.pi), strength)


def strokes(dice: Dice, size: int) -> Tensor:
    """Signs: curved strokes of one pen, laid on paper."""
    x, y = places(dice, size, turn=0.3, zoom=1.2)
    width = column(dice.program(low=0.02, high=0.14))
    ends, bend = dice.program(STROKES, 4, low=-0.9, high=0.9), dice.program(STROKES, low=-0.7, high=0.7)
    there = dice.program(STROKES) < 0.7
    cover = torch.zeros_like(x)
    for stroke in range(STROKES):
        ax, ay, bx, by = (column(n) for n in ends[:, stroke].unbind(1))
        along, down = bx - ax, by - ay
        length = (along.square() + down.square()).clamp(min=1e-3)
        at = (((x - ax) * along + (y - ay) * down) / length).clamp(0, 1)
        bow = column(bend[:, stroke]) * 4 * at * (1 - at) * length.sqrt() / 2
        u, v = x - ax - at * along + bow * down / length.sqrt(), y - ay - at * down - bow * along / length.sqrt()
        drawn = inside((u * u + v * v + 1e-6).sqrt() - width)
        cover = torch.maximum(cover, torch.where(column(there[:, stroke]), drawn, torch.zeros_like(drawn)))
    return over(ramp(dice, level(cloudy(dice, size))), cover, ink(dice))


def tilings(dice: Dice, size: int) -> Tensor:
    """A motif repeated in rows: bricks, tiles, knitted and printed cloth."""
    x, y = places(dice, size, zoom=1.3)
    often = column(dice.program(low=1.5, high=6))
    tall = column(dice.program(low=0.6, high=1.7))
    row = (y * often / tall).floor()
    u = (x * often + column(dice.program(low=0, high=0.5)) * row).remainder(1) * 2 - 1
    v = (y * often / tall).remainder(1) * 2 - 1
    angle, away = torch.atan2(v, u), (u * u + v * v + 1e-6).sqrt()
    waves = (dice.kind(5) + 2).float()
    edge = column(dice.program(low=0.35, high=0.9))
    flower = away - edge * (1 + column(dice.program(high=0.5)) * (column(waves) * angle).cos())
    box = torch.maximum(u.abs(), v.abs()) - edge
    distance = torch.where(column(dice.program() < 0.5), flower, box)
    cover = (0.5 - distance * 8).clamp(0, 1)
    return over(ramp(dice, level(cloudy(dice, size))), cover, ramp(dice, level(u + v)))


def plants(dice: Dice, size: int) -> Tensor:
    """Branches that fork as one rule says, with leaves at their ends (after Lindenmayer, 1968)."""
    x, y = places(dice, size, turn=0.2, zoom=1.15)
    picture = ramp(dice, level(cloudy(dice, size)))
    spread, shrink = dice.program(low=0.25, high=0.9), dice.program(low=0.6, high=0.85)
    width, bark, leaf = dice.program(low=0.03, high=0.08), ink(dice), ink(dice)
    leaf_radius = column(2 * width)
    roots = [(torch.zeros_like(spread), torch.ones_like(spread), torch.full_like(spread, -math.pi / 2))]
    length = dice.program(low=0.35, high=0.6)
    for fork in range(FORKS):
        grown = []
        for across, down, angle in roots:
            swayed = angle + dice.chance(low=-0.25, high=0.25)
            to_x, to_y, off_x, off_y = swayed.cos(), swayed.sin(), x - column(across), y - column(down)
            at = (off_x * column(to_x) + off_y * column(to_y)).clamp(min=0).minimum(column(length))
            off_x, off_y = off_x - at * column(to_x), off_y - at * column(to_y)
            picture = over(picture, inside((off_x.square() + off_y.square() + 1e-6).sqrt() - column(width)), bark)
            u, v = across + length * to_x, down + length * to_y
            if fork == FORKS - 1:
                round_leaf = (x - column(u)).square() + (y - column(v)).square()
                picture = over(picture, inside((round_leaf + 1e-6).sqrt() - leaf_radius), leaf)
            grown += [(u, v, swayed - spread), (u, v, swayed + spread)]
        roots, length, width = grown, length * shrink, width * 0.75
    return picture


def lumps(dice: Dice, size: int) -> Tensor:
    """Round bodies in the light, some before others."""
    picture = ramp(dice, level(cloudy(dice, size)))
    x, y = places(dice, size, turn=0.5, zoom=1.1)
    angle, gloss = dice.program(high=2 * math.pi), column(dice.program())
    for _ in range(4):
        there = dice.program() < 0.75
        u, v = x - column(dice.program(low=-0.7, high=0.7)), y - column(dice.program(low=-0.7, high=0.7))
        radius = column(dice.program(low=0.15, high=0.6))
        u, v = u / radius, v / radius * column(dice.program(low=0.7, high=1.4))
        height = (1 - u * u - v * v).clamp(min=0).sqrt()
        light = (u * column(angle.cos()) + v * column(angle.sin())) * 0.5 + height * 0.8
        shine = gloss * light.clamp(min=0) ** 12
        body = (ink(dice) * (0.25 + 0.75 * light.clamp(min=0))[:, None] + shine[:, None]).clamp(0, 1)
        cover = (height > 0).float() * column(there.float())
        picture = over(picture, cover, body)
    return picture


FAMILIES = {
    "clouds": clouds,
    "leaves": leaves,
    "fractals": fractals,
    "shaders": shaders,
    "coats": coats,
    "mosaics": mosaics,
    "hills": hills,
    "strokes": strokes,
    "tilings": tilings,
    "plants": plants,
    "lumps": lumps,
}


def scene(dice: Dice, size: int, figure: Tensor, ground: Tensor) -> Tensor:
    """A figure, cut out of one picture, before another: with a shadow, rounded in the light."""
    distance = outline(dice, size)
    depth = (-distance).clamp(min=0)
    body = lit(figure, 1.2 * (1 - torch.exp(-4 * depth)), dice.program(high=2 * math.pi), dice.program(high=0.5))
    shadow = inside(distance, 0.15).roll((3, 2), (1, 2)) * column(dice.program(high=0.7))
    return over(ground * (1 - shadow)[:, None], inside(distance), body)
