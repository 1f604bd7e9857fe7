"""Pixels become embeddings: the models, one loop that trains any of them (PyTorch)."""
