"""Which index, by the size of the collection."""

from typing import Any

from numpy.typing import ArrayLike

from lookalike.search.cells import CellIndex, Cells, make_cells, tune
from lookalike.search.exact import ExactIndex, Neighbors, Progress, collection

NEIGHBORS_FROM = 100_000
"""Images from which on every image's neighbours come from cells: exact ones cost n², some 80 s at 150,000."""
SEARCH_FROM = 500_000
"""Images from which on a search does: an exact one is complete, and up to here takes a few hundredths of a second."""
NEIGHBORS_FOUND, SEARCH_FOUND = 0.98, 0.995
"""Share of the ten nearest that is aimed at: a map and clusters need no more; it decides how many cells are read."""

Index = ExactIndex | CellIndex


def find_neighbors(
    embeddings: ArrayLike, k: int, *, seed: int = 0, progress: Progress | None = None
) -> tuple[Neighbors, dict[str, Any], Cells | None]:
    """The k nearest of every row, itself first, and how to search.

    Exact below 100,000 rows. From there on those of a `CellIndex`, of which about 98 of 100 of the ten nearest are
    right; from 500,000 on its cells come with them, to be kept.

    Args:
        embeddings: float32 (n, d), finite; may be mapped into memory.
        k: how many, itself included; cut to n.
        seed: of the cells.
        progress: is called as `progress("index", done, total)`.

    Returns:
        Row numbers int32 (n, k) and distances float32 (n, k), nearest first; facts (`kind`, of the index to search
        with, `neighbors`, `neighbors_by`, and of cells `recall_at_10` of each as measured on a sample, and `probes`);
        and cells, if it is these that are to be searched.
    """
    points = collection(embeddings)
    if len(points) < NEIGHBORS_FROM:
        found = ExactIndex(points).neighbors(k, progress=progress)
        return found, {"kind": "exact", "neighbors": found[0].shape[1], "neighbors_by": "exact"}, None
    cells = make_cells(points, seed=seed, progress=progress)
    index = CellIndex(points, cells)
    recall = tune(index, NEIGHBORS_FOUND, seed=seed)
    found = index.neighbors(k, progress=progress)
    facts = {"neighbors": found[0].shape[1], "neighbors_by": "cells", "neighbors_recall_at_10": round(recall, 4)}
    if len(points) < SEARCH_FROM:
        return found, {"kind": "exact", **facts}, None
    recall = tune(index, SEARCH_FOUND, seed=seed)
    return found, {"kind": "cells", "probes": index.probes, "recall_at_10": round(recall, 4), **facts}, cells
