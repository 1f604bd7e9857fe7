"""Embeddings become a map, clusters, groups of duplicates (scikit-learn, openTSNE, umap-learn)."""

from lookalike.organize.choosing import Choice, choose_k
from lookalike.organize.clustering import CLUSTERINGS, cluster, typical
from lookalike.organize.grid import grid
from lookalike.organize.likeness import alike, near_distances, same, strangeness
from lookalike.organize.projection import PROJECTIONS, fitted_on, manifold, project
from lookalike.organize.sampling import spread

__all__ = [
    "CLUSTERINGS",
    "PROJECTIONS",
    "Choice",
    "alike",
    "choose_k",
    "cluster",
    "fitted_on",
    "grid",
    "manifold",
    "near_distances",
    "project",
    "same",
    "spread",
    "strangeness",
    "typical",
]
