"""Embeddings become a map and clusters (scikit-learn, openTSNE, umap-learn)."""
