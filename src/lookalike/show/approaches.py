"""The maps of several models side by side."""

from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lookalike.images import write_image
from lookalike.pipeline import Comparison
from lookalike.pipeline.labels import labels_from
from lookalike.show.destination import destination
from lookalike.show.palette import FAINT_INK, colour
from lookalike.show.placing import fitted
from lookalike.show.plots import PICTURES, write_legend
from lookalike.show.sheet import Sheet

PANEL, HEAD, GAP, LEGEND = 700, 100, 40, 300
"""Pixels: a panel's side, what is above it, what is between panels, and the width of the list of labels."""
LONGEST = 40
"""Characters of a model's name that fit above its map."""
SCORES = {"precision_at_10": "precision at 10", "view_agreement": "agreement of views"}


def draw_approaches(comparison: Comparison, path: str | Path) -> Path:
    """Draws the map of each model of a comparison, a dot for each image: PNG, JPEG or WebP by the ending.

    Dots have the colours of the labels, the same in all panels, when the comparison has labels, else of the clusters
    that each model's library found. Above each map stands the model with its first score. Panels are in the order of
    the table, as many in a line as make the picture about square.

    Raises
    ------
    SettingError
        The place cannot be used.
    LibraryError
        A library has lost its map.
    """
    for library in comparison.libraries.values():
        destination(library, path, PICTURES)
    numbers, names = _colouring(comparison)
    columns = ceil(sqrt(len(numbers)))
    width = GAP + columns * (PANEL + GAP) + (LEGEND if names else 0)
    sheet = Sheet(width, ceil(len(numbers) / columns) * (PANEL + HEAD) + GAP)
    for place, row in enumerate(comparison.table.to_dict("records")):
        line, column = divmod(place, columns)
        corner = np.array([GAP + column * (PANEL + GAP), line * (PANEL + HEAD)])
        _draw_panel(sheet, corner, str(row["model"]), _told(row))
        layout = np.array(comparison.libraries[row["model"]].layout)
        diameter = float(np.clip(140 / len(layout) ** 0.5, 2.5, 10))
        dots = fitted(layout, PANEL, margin=20, stretch=1.4) + corner + (0, HEAD)
        sheet.dots(dots, [colour(int(number)) for number in numbers[row["model"]]], diameter, opacity=0.8)
    write_legend(sheet, names, width - LEGEND, HEAD + 20)
    write_image(sheet.pixels(), path)
    return Path(path)


def _draw_panel(sheet: Sheet, corner: np.ndarray, model: str, told: str) -> None:
    left, top = int(corner[0]) + 20, int(corner[1]) + 62
    sheet.frame(int(corner[0]), int(corner[1]) + HEAD, PANEL, PANEL)
    shown = model if len(model) <= LONGEST else f"…{model[1 - LONGEST :]}"
    sheet.text(shown, left, top, size=30, weight="bold")
    sheet.text(told, left, top + 32, size=20, colour=FAINT_INK)


def _told(row: dict[str, Any]) -> str:
    name, title = next((name, title) for name, title in SCORES.items() if name in row)
    clusters = ", colours are its clusters" if name == "view_agreement" else ""
    score = f"{title} {row[name]:.3f}, " if row[name] == row[name] else ""  # NaN: not measured
    return f"{score}{row['seconds']:,.0f} s{clusters}"


def _colouring(comparison: Comparison) -> tuple[dict[str, np.ndarray], list[str]]:
    """Of each model the number of every image's colour, and what the numbers mean, when it is the same for all."""
    if comparison.labels is None:
        return {model: library.clusters for model, library in comparison.libraries.items()}, []
    labels = {
        model: labels_from(comparison.labels, library.file_names) for model, library in comparison.libraries.items()
    }
    known = sorted({str(label) for found in labels.values() for label in found if label is not None})
    return {model: pd.Index(known).get_indexer(pd.Index(found)) for model, found in labels.items()}, known
