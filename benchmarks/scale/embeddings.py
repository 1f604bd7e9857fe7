"""Embeddings as a model could have given them, in any number and without a picture: for what comes after decoding."""

import numpy as np


def clustered(n, dim=128, *, clusters=200, seed=0):
    """Unit vectors float32 (n, dim) around ``clusters`` centres of different size, each with directions of its own.

    Within a cluster the j-th direction has a variance in proportion to 1 / j: about 18 directions count. As much of
    the variance lies within the clusters as between them. Whose is whose: int64 (n,), in random order.
    """
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(clusters, 2.0))
    owner = rng.choice(clusters, n, p=shares)
    centres = rng.normal(size=(clusters, dim)).astype(np.float32)
    spread = 1 / np.sqrt(np.arange(1, dim + 1))
    spread *= np.sqrt(dim / (spread**2).sum())
    points = rng.standard_normal((n, dim), np.float32)
    for cluster in range(clusters):
        turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
        rows = np.flatnonzero(owner == cluster)
        points[rows] = points[rows] @ (spread[:, None] * turn).astype(np.float32) + centres[cluster]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points, owner
