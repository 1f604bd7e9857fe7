"""Pixels become embeddings: the models, one loop that trains any of them (PyTorch)."""

from lookalike.learn.model import DEFAULT, MODELS, Trained, embed, image_size, load_model, names
from lookalike.learn.training import train

__all__ = ["DEFAULT", "MODELS", "Trained", "embed", "image_size", "load_model", "names", "train"]
