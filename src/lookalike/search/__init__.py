"""Embeddings become matches (faiss)."""
