"""Embeddings become matches (faiss)."""

from lookalike.search.cells import CellIndex, Cells, make_cells
from lookalike.search.choosing import Index, find_neighbors
from lookalike.search.exact import ExactIndex, Neighbors

__all__ = ["CellIndex", "Cells", "ExactIndex", "Index", "Neighbors", "find_neighbors", "make_cells"]
