"""Embeddings become a map and clusters (scikit-learn, openTSNE, umap-learn)."""

from lookalike.organize.clustering import CLUSTERINGS, Choice, choose_k, cluster, typical
from lookalike.organize.grid import grid
from lookalike.organize.projection import PROJECTIONS, fitted_on, manifold, project
from lookalike.organize.sampling import spread

__all__ = [
    "CLUSTERINGS",
    "PROJECTIONS",
    "Choice",
    "choose_k",
    "cluster",
    "fitted_on",
    "grid",
    "manifold",
    "project",
    "spread",
    "typical",
]
