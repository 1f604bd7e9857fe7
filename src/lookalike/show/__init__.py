"""Results become something to look at or to take along: pictures, the report, tables, folders of pictures."""

from lookalike.show.approaches import draw_approaches
from lookalike.show.destination import free_place
from lookalike.show.exporting import export
from lookalike.show.plots import PICTURES, draw_comparison, draw_map
from lookalike.show.report import write_report
from lookalike.show.server import make_app, serve
from lookalike.show.sheets import (
    draw_clusters,
    draw_duplicates,
    draw_matches,
    draw_outliers,
    draw_pictures,
    draw_reconstructions,
)

__all__ = [
    "PICTURES",
    "draw_approaches",
    "draw_clusters",
    "draw_comparison",
    "draw_duplicates",
    "draw_map",
    "draw_matches",
    "draw_outliers",
    "draw_pictures",
    "draw_reconstructions",
    "export",
    "free_place",
    "make_app",
    "serve",
    "write_report",
]
