"""Embeddings become matches (faiss)."""

from lookalike.search.exact import ExactIndex

__all__ = ["ExactIndex"]
