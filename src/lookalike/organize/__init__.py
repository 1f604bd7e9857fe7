"""Embeddings become a map and clusters (scikit-learn, openTSNE, umap-learn)."""

from lookalike.organize.clustering import Choice, choose_k, cluster, typical
from lookalike.organize.projection import manifold, project

PROJECTIONS = ("tsne", "umap", "pca")
CLUSTERINGS = ("kmeans", "gmm", "hdbscan", "ward")

__all__ = ["CLUSTERINGS", "PROJECTIONS", "Choice", "choose_k", "cluster", "manifold", "project", "typical"]
