"""Colours that go together, chosen in OKLCH so that equal numbers look equally light and equally vivid.

Every family takes its colours from here with a free hue, so that the colour alone does not give the family away.
The space is Björn Ottosson's OKLab (2020) in polar coordinates: lightness 0..1, chroma 0..0.37, hue in radians.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TAU = 2 * np.pi
SCHEMES = (
    (0.0, 0.08, 0.16, -0.08, 0.04),  # neighbours
    (0.0, 0.5, 0.06, 0.56, -0.05),  # opposites
    (0.0, 0.42, 0.58, 0.05, 0.5),  # split opposites
    (0.0, 1 / 3, 2 / 3, 0.05, 0.4),  # three around the circle
    (0.0, 0.25, 0.05, 0.3, 0.18),  # a quarter turn
)


def oklch(lightness: Array | float, chroma: Array | float, hue: Array | float) -> Array:
    """Return sRGB colours, float32 (..., 3) in 0..1; chroma gives way where sRGB cannot show the colour."""
    lightness, chroma, hue = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (lightness, chroma, hue)))
    less = np.linspace(1, 0, 33)
    linear = _linear(lightness[..., None], chroma[..., None] * less, hue[..., None])  # (..., 33, 3)
    fits = ((linear > -1e-3) & (linear < 1.001)).all(-1)
    first = np.argmax(fits, -1)[..., None, None]
    chosen = np.clip(np.take_along_axis(linear, first, -2)[..., 0, :], 0, 1)
    curve: Array = np.where(chosen <= 0.0031308, 12.92 * chosen, 1.055 * np.maximum(chosen, 1e-9) ** (1 / 2.4) - 0.055)
    curve = curve.astype(np.float32)
    return curve


def _linear(lightness: Array, chroma: Array, hue: Array) -> Array:
    """OKLCH to linear sRGB, unclipped."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return np.stack([red, green, blue], -1)


def harmony(rng: np.random.Generator, n: int, *, low: float = 0.35, high: float = 0.85) -> Array:
    """Return n colours of one scheme, float32 (n, 3), dark to light between the two lightnesses."""
    turns = np.array(SCHEMES[rng.integers(len(SCHEMES))])
    hues = TAU * (rng.uniform() + turns[np.arange(n) % len(turns)] + rng.normal(0, 0.015, n))
    lightness = np.linspace(low, high, n) + rng.normal(0, 0.03, n)
    chroma = rng.uniform(0.06, 0.17) * rng.uniform(0.7, 1.2, n)
    return oklch(np.clip(lightness, 0.05, 0.98), chroma, hues)


def ramp(rng: np.random.Generator, *, low: float = 0.2, high: float = 0.93, turn: float = 0.35) -> Array:
    """Return a colour scale from dark to light, float32 (512, 3); a larger turn passes more of the colour circle."""
    t = np.linspace(0, 1, 512)
    hue = TAU * (rng.uniform() + t * rng.uniform(-turn, turn))
    chroma = rng.uniform(0.05, 0.19) * (0.35 + np.sin(np.pi * np.clip(t * 0.9 + 0.05, 0, 1)))
    start, end = low + rng.uniform(0, 0.15), high - rng.uniform(0, 0.15)
    return oklch(start + (end - start) * t, chroma, hue)


def cycle(rng: np.random.Generator, n: int = 5) -> Array:
    """Return a colour scale that closes on itself through n colours of one scheme, float32 (512, 3)."""
    stops = harmony(rng, n, low=rng.uniform(0.15, 0.4), high=rng.uniform(0.75, 0.97))
    stops = np.concatenate([stops, stops[:1]])
    at = np.linspace(0, n, 512, endpoint=False)
    index = at.astype(int)
    t = (at - index)[:, None]
    t = t * t * (3 - 2 * t)
    scale: Array = (stops[index] * (1 - t) + stops[index + 1] * t).astype(np.float32)
    return scale


def contrast(rng: np.random.Generator, n: int = 1) -> tuple[Array, Array]:
    """Return a ground (3,) and n inks (n, 3) that stand out from it; light on dark as often as dark on light."""
    hue = rng.uniform()
    dark_ground = rng.uniform() < 0.5
    ground = rng.uniform(0.14, 0.38) if dark_ground else rng.uniform(0.82, 0.97)
    ink = rng.uniform(0.72, 0.95, n) if dark_ground else rng.uniform(0.25, 0.52, n)
    turns = np.array(SCHEMES[rng.integers(len(SCHEMES))])[np.arange(n) % 5] + rng.uniform(-0.5, 0.5)
    inks = oklch(ink, rng.uniform(0.06, 0.18, n), TAU * (hue + turns))
    return oklch(ground, rng.uniform(0.01, 0.1), TAU * hue), inks


def between(first: Array, last: Array) -> Array:
    """Return an even scale from one colour to another, float32 (256, 3)."""
    return np.linspace(first, last, 256, dtype=np.float32)


def sky(rng: np.random.Generator) -> Array:
    """Return a colour scale for a sky from zenith to horizon, float32 (512, 3), at any hour from night to noon."""
    t = np.linspace(0, 1, 512)
    hour = rng.uniform()
    zenith, horizon = 0.16 + 0.6 * hour, min(0.5 + 0.5 * hour, 0.95)
    hue = rng.uniform() + t**1.5 * rng.uniform(-0.45, 0.45)
    chroma = rng.uniform(0.05, 0.14) * (1 - 0.3 * t)
    return oklch(zenith + (horizon - zenith) * t**1.3, chroma, TAU * hue)


def tint(field: Array, scale: Array) -> Array:
    """Colour a field of values 0..1 (clipped) with a scale (k, 3): float32, shape of the field plus (3,)."""
    index = np.clip(field * (len(scale) - 1), 0, len(scale) - 1).astype(np.intp)
    coloured: Array = np.take(scale, index, axis=0)
    return coloured


def lighter(colour: Array, amount: float) -> Array:
    """Mix colours with white (amount > 0) or black (amount < 0); ±1 is pure white or black."""
    goal = np.float32(1.0 if amount > 0 else 0.0)
    mixed: Array = (colour + (goal - colour) * np.float32(abs(amount))).astype(np.float32)
    return mixed
