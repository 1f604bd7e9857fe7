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
    """The k nearest of every row, itself first.

    Exact below 100,000 rows. From there on those of a `CellIndex`, of which about 98 of 100 of the ten nearest are
    right.

    Args:
        embeddings: float32 (n, d), finite; may be mapped into memory.
        k: how many, itself included; cut to n.
        seed: of the cells.
        progress: is called as `progress("index", done, total)`.

    Returns:
        Row numbers int32 (n, k) and distances float32 (n, k), nearest first; facts (`neighbors`, `neighbors_by`, and
        of cells `neighbors_recall_at_10`, measured on a sample); and the cells, if it was these that were searched.
    """
    points = collection(embeddings)
    if len(points) < NEIGHBORS_FROM:
        found = ExactIndex(points).neighbors(k, progress=progress)
        return found, {"neighbors": found[0].shape[1], "neighbors_by": "exact"}, None
    cells = make_cells(points, seed=seed, progress=progress)
    index = CellIndex(points, cells)
    recall = tune(index, NEIGHBORS_FOUND, seed=seed)
    found = index.neighbors(k, progress=progress)
    facts = {"neighbors": found[0].shape[1], "neighbors_by": "cells", "neighbors_recall_at_10": round(recall, 4)}
    return found, facts, cells


def prepare_search(
    embeddings: ArrayLike, cells: Cells | None = None, *, seed: int = 0, progress: Progress | None = None
) -> tuple[dict[str, Any], Cells | None]:
    """How a collection is to be searched: below 500,000 rows all are looked at, from there on those of some cells.

    Args:
        embeddings: float32 (n, d), finite; may be mapped into memory.
        cells: of the same embeddings, where there are some already.
        seed: of the cells.
        progress: is called as `progress("index", done, total)`.

    Returns:
        Facts (`kind`, and of cells `probes`, and `recall_at_10` with so many, as measured on a sample); and the cells
        that are to be kept, if any.
    """
    points = collection(embeddings)
    if len(points) < SEARCH_FROM:
        return {"kind": "exact"}, None
    index = CellIndex(points, cells or make_cells(points, seed=seed, progress=progress))
    recall = tune(index, SEARCH_FOUND, seed=seed)
    return {"kind": "cells", "probes": index.probes, "recall_at_10": round(recall, 4)}, index.cells
