"""Results become something to look at or to take along: pictures, the report, tables, folders of pictures."""

from lookalike.show.exporting import export
from lookalike.show.plots import draw_comparison, draw_map
from lookalike.show.report import write_report
from lookalike.show.sheets import draw_clusters, draw_matches, draw_pictures, draw_reconstructions

__all__ = [
    "draw_clusters",
    "draw_comparison",
    "draw_map",
    "draw_matches",
    "draw_pictures",
    "draw_reconstructions",
    "export",
    "write_report",
]
