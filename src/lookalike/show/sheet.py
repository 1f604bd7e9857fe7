"""A sheet of paper measured in pixels, on which pictures keep theirs: the only place that draws with matplotlib."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from lookalike.show.palette import FAINT_INK, INK, PAPER, RGB

_SCRIPTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
)


class Sheet:
    """A drawing of ``width`` × ``height`` pixels; x runs to the right, y down, both from the upper left corner.

    Dots lie lowest, then pictures, then text, whatever the order of the calls.
    """

    def __init__(self, width: int, height: int, paper: RGB = PAPER) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=_fraction(paper))
        self._canvas: Any = FigureCanvasAgg(self._figure)
        self._texts: list[Any] = []
        self._overlay = np.zeros((height, width, 4), np.uint8)
        self._axes: Any = self._figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self._axes.set_axis_off()

    def dots(self, xy: np.ndarray, colours: Sequence[str], diameter: float, opacity: float = 1.0) -> None:
        """A dot at each place (n, 2), the diameter in pixels, opacity from 0 to 1."""
        area = (diameter * 0.72) ** 2
        across, down = np.asarray(xy, float).T
        self._axes.scatter(across, down, s=area, c=list(colours), alpha=opacity, linewidths=0)

    def frame(self, x: int, y: int, width: int, height: int) -> None:
        """A faint line around a part of the sheet, its upper left corner at x, y."""
        from matplotlib.patches import Rectangle

        faint = (*_fraction(FAINT_INK), 0.35)
        self._axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=faint, linewidth=0.8))

    def place(self, pixels: np.ndarray, x: int, y: int, frame: RGB | None = None, thickness: int = 2) -> None:
        """A picture, uint8 (h, w, 3), its upper left corner at x, y; a frame lies around it, outside."""
        height, width = pixels.shape[:2]
        if frame is not None:
            edge = thickness
            self._fill(x - edge, y - edge, width + 2 * edge, height + 2 * edge, np.array([*frame, 255], np.uint8))
        opaque = np.dstack([pixels, np.full((height, width, 1), 255, np.uint8)])
        self._fill(x, y, width, height, opaque)

    def text(
        self, text: str, x: float, y: float, *, size: float = 14, colour: RGB = INK, weight: str = "normal", **more: Any
    ) -> None:
        """One line of text, ``size`` pixels high.

        ``more`` may hold ``ha`` (left, center, right) and ``va`` (baseline, top, center, bottom), which say what of
        the text lies at x, y, and ``box``, the colour of a line around the text, which then lies on paper.
        """
        from matplotlib.text import Text

        box = more.pop("box", None)
        drawn = Text(x, self.height - y, _line(text), figure=self._figure, **_letters(size, weight), **more)
        drawn.set_color(_fraction(colour))
        if box:
            paper = (*_fraction(PAPER), 0.94)
            drawn.set_bbox({"boxstyle": "round,pad=0.4", "facecolor": paper, "edgecolor": box, "linewidth": size / 14})
        self._texts.append(drawn)

    def width_of(self, text: str, size: float, weight: str = "normal") -> float:
        """How wide a line of text is, in pixels."""
        from matplotlib.text import Text

        probe = Text(0, 0, _line(text), figure=self._figure, **_letters(size, weight))
        with _boxes_for_unknown_letters():
            return float(probe.get_window_extent(self._canvas.get_renderer()).width)

    def shortened(self, text: str, width: float, size: float) -> str:
        """The text, with an ellipsis in its middle where it would be wider than ``width`` pixels."""
        if self.width_of(text, size) <= width:
            return text
        fits, too_many = 0, len(text)
        while too_many - fits > 1:
            kept = (fits + too_many) // 2
            wide = self.width_of(_without_middle(text, kept), size) > width
            fits, too_many = (fits, kept) if wide else (kept, too_many)
        return _without_middle(text, fits)

    def pixels(self) -> np.ndarray:
        """The finished drawing: uint8 (height, width, 3)."""
        with _boxes_for_unknown_letters():
            self._canvas.draw()
            drawn = np.asarray(self._canvas.buffer_rgba())
            np.copyto(drawn, self._overlay, where=self._overlay[..., 3:] > 0)
            for text in self._texts:
                text.draw(self._canvas.get_renderer())
        return np.array(drawn[..., :3])

    def _fill(self, x: int, y: int, width: int, height: int, content: np.ndarray) -> None:
        left, top = max(0, x), max(0, y)
        right, bottom = min(self.width, x + width), min(self.height, y + height)
        if right <= left or bottom <= top:
            return
        part = content[top - y : bottom - y, left - x : right - x] if content.ndim == 3 else content
        self._overlay[top:bottom, left:right] = part


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture, uint8 (h, w, 3), with its longer side at ``side`` pixels: averaged when smaller, smooth when larger.

    The proportions stay; no side becomes 0.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale == 1:
        return pixels
    for axis, before in ((0, height), (1, width)):
        pixels = _resampled(pixels, axis, _taps(before, max(1, round(before * scale))))
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def _resampled(pixels: np.ndarray, axis: int, taps: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    return np.asarray(
        sum(pixels.take(old, axis) * share.reshape(shape) for old, share in zip(*taps, strict=True)), np.float32
    )


@lru_cache(maxsize=512)
def _taps(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Old pixels (t, after) that make up each new one along a side, and their shares (t, after).

    The shares form a triangle as wide as two pixels, of the old or of the new ones, whichever are larger.
    """
    step = before / after
    reach = max(1.0, step)
    centres = (np.arange(after) + 0.5) * step - 0.5
    old = np.ceil(centres - reach).astype(np.int64) + np.arange(int(2 * reach) + 1)[:, None]
    shares = np.clip(1 - np.abs(centres - old) / reach, 0, None) * ((old >= 0) & (old < before))
    return np.clip(old, 0, before - 1), (shares / shares.sum(0)).astype(np.float32)


def _letters(size: float, weight: str) -> dict[str, Any]:
    return {"fontsize": size * 0.72, "fontweight": weight, "fontfamily": _families(), "parse_math": False}


@lru_cache(maxsize=1)
def _families() -> list[str]:
    """matplotlib's own font, which has Latin, Greek and Cyrillic, and what the machine has for other scripts."""
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return ["DejaVu Sans", *(name for name in _SCRIPTS if name in there)]


@contextmanager
def _boxes_for_unknown_letters() -> Iterator[None]:
    """A letter that no font on this machine has is drawn as a box; that is no reason for a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _without_middle(text: str, kept: int) -> str:
    tail = kept // 2
    return text[: kept - tail] + "…" + (text[-tail:] if tail else "")


def _fraction(colour: RGB) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
