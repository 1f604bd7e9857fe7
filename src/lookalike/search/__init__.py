"""Embeddings become matches (faiss)."""

from lookalike.search.averaging import averaged, averaged_queries, ranked
from lookalike.search.cells import CellIndex, Cells, make_cells
from lookalike.search.choosing import Index, find_neighbors, prepare_search
from lookalike.search.exact import ExactIndex, Neighbors, is_finite

__all__ = [
    "CellIndex",
    "Cells",
    "ExactIndex",
    "Index",
    "Neighbors",
    "averaged",
    "averaged_queries",
    "find_neighbors",
    "is_finite",
    "make_cells",
    "prepare_search",
    "ranked",
]
