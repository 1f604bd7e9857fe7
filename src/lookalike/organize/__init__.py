"""Embeddings become a map and clusters (scikit-learn, openTSNE, umap-learn)."""

from lookalike.organize.clustering import CLUSTERINGS, Choice, choose_k, cluster, typical
from lookalike.organize.grid import grid
from lookalike.organize.projection import PROJECTIONS, manifold, project

__all__ = ["CLUSTERINGS", "PROJECTIONS", "Choice", "choose_k", "cluster", "grid", "manifold", "project", "typical"]
