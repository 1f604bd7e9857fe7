"""Line charts as inline SVG: no script, in the colours of the page."""

from collections.abc import Sequence
from html import escape
from math import floor, isfinite, log10

import numpy as np

WIDTH, HEIGHT = 520, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 30, 44
MOST_POINTS = 400
"""Points of a line; longer ones are thinned evenly."""


def line_chart(
    x: Sequence[float], y: Sequence[float], *, title: str, x_name: str, y_name: str, mark: float | None = None
) -> str:
    """An SVG of y over x, both of one length; ``mark`` is the x of a point to be pointed out.

    Values that are not finite are left out; with none left the result is empty.
    """
    points = np.array([pair for pair in zip(x, y, strict=True) if all(map(isfinite, pair))], float).reshape(-1, 2)
    if not len(points):
        return ""
    points = points[np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int))]
    x_ticks, y_ticks = ticks(*_range(points[:, 0])), ticks(*_range(points[:, 1]))
    across = _scale(min(points[:, 0].min(), x_ticks[0]), max(points[:, 0].max(), x_ticks[-1]), LEFT, WIDTH - RIGHT)
    down = _scale(min(points[:, 1].min(), y_ticks[0]), max(points[:, 1].max(), y_ticks[-1]), HEIGHT - BOTTOM, TOP)
    places = [(_place(px, across), _place(py, down)) for px, py in points]
    parts = [
        *(_x_tick(value, _place(value, across)) for value in x_ticks),
        *(_y_tick(value, _place(value, down)) for value in y_ticks),
        f'<polyline class="line" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in places)}"/>',
        *([f'<circle class="point" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in places] if len(x) <= 60 else []),
        _mark(points, places, mark),
        f'<text class="name" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}">{escape(x_name)}</text>',
        f'<text class="axis" x="0" y="12">{escape(y_name)}</text>',
    ]
    told = f"{title}: {y_name} over {x_name}, {_number(points[0, 1])} at first, {_number(points[-1, 1])} at the end"
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(told)}">{"".join(parts)}</svg></figure>'
    )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` round numbers, evenly apart, from ``low`` to ``high``."""
    rough = (high - low) / (most - 1)
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10, 20) if unit * factor >= rough * (1 - 1e-9))
    first = np.ceil(low / step - 1e-9)
    return [float(round((first + i) * step, 12)) for i in range(most + 1) if (first + i) * step <= high + step * 1e-9]


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    spare = max(abs(low) * 0.05, 1e-3) if high == low else 0.0
    return low - spare, high + spare


def _scale(low: float, high: float, start: float, end: float) -> tuple[float, float]:
    """Factor and offset that take low to start and high to end."""
    factor = (end - start) / max(high - low, 1e-12)
    return factor, start - low * factor


def _place(value: float, scale: tuple[float, float]) -> float:
    return value * scale[0] + scale[1]


def _x_tick(value: float, x: float) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}">{_number(value)}</text>'


def _y_tick(value: float, y: float) -> str:
    rule = f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{rule}<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{_number(value)}</text>'


def _mark(points: np.ndarray, places: list[tuple[float, float]], mark: float | None) -> str:
    if mark is None:
        return ""
    x, y = places[int(np.abs(points[:, 0] - mark).argmin())]
    anchor = "end" if x > WIDTH / 2 else "start"
    text = f'<text class="told {anchor}" x="{x + (-10 if anchor == "end" else 10):.1f}" y="{TOP + 10}">'
    rule = f'<line class="marked" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    return f'{rule}<circle class="marked" cx="{x:.1f}" cy="{y:.1f}" r="5"/>{text}{_number(mark)} chosen</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
